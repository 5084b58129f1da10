package externaltest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// store is a quorumkv of three nodes that the test runs. Its nodes reach each other
// through proxies that are shut while a file is there.
type store struct {
	dir   string
	addrs []string
	// operator is a file with every command.
	operator string
}

func startStore(t *testing.T) *store {
	t.Helper()
	return startStoreAs(t, "--read-repair off --write-timestamps coordinator", http.DefaultClient, "http")
}

// startStoreAs starts a store with these flags, which answers client in a scheme.
func startStoreAs(t *testing.T, flags string, client *http.Client, scheme string) *store {
	t.Helper()
	s := &store{dir: t.TempDir()}
	ports := freePorts(t, 3)
	for _, p := range ports {
		s.addrs = append(s.addrs, "127.0.0.1:"+p)
	}
	links := map[string]string{}
	for i := range 3 {
		for j := range 3 {
			if i == j {
				continue
			}
			shut := []string{filepath.Join(s.dir, fmt.Sprintf("cut-n%d-n%d", i+1, j+1)), filepath.Join(s.dir, fmt.Sprintf("cut-n%d-n%d", j+1, i+1))}
			links[fmt.Sprintf("n%d-n%d", i+1, j+1)] = forward(t, s.addrs[j], nil, func() bool {
				for _, f := range shut {
					if _, err := os.Stat(f); err == nil {
						return false
					}
				}
				return true
			})
		}
	}
	// Each node is started by a script, which is the operator's start as well.
	for i := range 3 {
		peers := ""
		for j := range 3 {
			if i != j {
				peers += fmt.Sprintf(" --peers node%d=%s", j+1, links[fmt.Sprintf("n%d-n%d", i+1, j+1)])
			}
		}
		script := fmt.Sprintf("cd %s\n%s quorumkv serve --node node%d --listen %s --data-dir %s/n%d%s --peer-timeout 300ms --request-timeout 600ms %s >> n%d.log 2>&1 &\necho $! > n%d.pid\n",
			s.dir, binary, i+1, s.addrs[i], s.dir, i+1, peers, flags, i+1, i+1)
		must(t, os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("start-n%d", i+1)), []byte(script), 0o755))
		if out, err := exec.Command("/bin/sh", filepath.Join(s.dir, fmt.Sprintf("start-n%d", i+1))).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Cleanup(func() {
		for i := range 3 {
			script := fmt.Sprintf("kill -9 $(cat %s/n%d.pid)", s.dir, i+1)
			_ = exec.Command("/bin/sh", "-c", script).Run() // it may be dead
		}
	})
	for _, addr := range s.addrs {
		await(t, addr+" to answer", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+"/health", nil)
			must(t, err)
			answer, err := client.Do(r)
			if err != nil {
				return err
			}
			return answer.Body.Close()
		})
	}
	probes := ""
	for link, addr := range links {
		probes += fmt.Sprintf("  %s) exec env %s=%s %s;;\n", link, envProbe, addr, os.Args[0])
	}
	must(t, os.WriteFile(filepath.Join(s.dir, "probe"), []byte("case $1-$2 in\n"+probes+"esac\nexit 127\n"), 0o755))
	s.operator = filepath.Join(s.dir, "operator.yaml")
	must(t, os.WriteFile(s.operator, []byte(strings.ReplaceAll(`timeout: 5s
all:
  cut: for p in $LAPSE_PEERS; do touch DIR/cut-$LAPSE_NODE-$p; done
  heal: for p in $LAPSE_PEERS; do rm DIR/cut-$LAPSE_NODE-$p; done
  probe: sh DIR/probe $LAPSE_NODE $LAPSE_PEERS
  kill: kill -9 $(cat DIR/$LAPSE_NODE.pid)
  start: sh DIR/start-$LAPSE_NODE
  pause: kill -STOP $(cat DIR/$LAPSE_NODE.pid)
  resume: kill -CONT $(cat DIR/$LAPSE_NODE.pid)
`, "DIR", s.dir)), 0o644))
	return s
}

func (s *store) at() string { return strings.Join(s.addrs, ",") }

// keys counts the values under keys of runs that a node still has, by asking for
// the first ones.
func (s *store) keys(t *testing.T, run string) int {
	t.Helper()
	n := 0
	for _, k := range []string{"ready-n1", "ready-n2", "ready-n3", "k0", "k1", "k2", "k3", "k4"} {
		answer, err := http.Get("http://" + s.addrs[0] + "/kv/lapse_" + strings.ReplaceAll(run, "-", "_") + "-" + k + "?r=ALL")
		must(t, err)
		if answer.StatusCode == http.StatusOK {
			n++
		}
		must(t, answer.Body.Close())
	}
	return n
}

// TestQuorumkv: the faults of an external store are what its operator does, and
// what is seen of them.
func TestQuorumkv(t *testing.T) {
	t.Parallel()
	s := startStore(t)
	common := []string{"run", "--target", "quorumkv", "--at", s.at(), "--set", "read_repair=off", "--progress", "plain"}
	t.Run("partition", func(t *testing.T) {
		r := decided(t, 1, nil, append(common, "--write-level", "1", "--read-level", "1", "--workload", "session", "--model", "read-your-writes",
			"--faults", "partition", "--operator", s.operator, "--duration", "6s", "--rate", "300", "--seed", "7")...)
		r.expect(t, 1, "an external cluster")
		r.tookEffect(t, 1)
		if n := s.keys(t, runOf(t, r)); n > 0 {
			t.Errorf("the run left %d of its keys", n)
		}
		// The plan has what it takes to run again, from anywhere.
		must(t, os.Rename(s.operator, s.operator+".away"))
		defer func() { must(t, os.Rename(s.operator+".away", s.operator)) }()
		again := exec.Command(binary, "replay", "latest", "--out", r.out, "--progress", "none")
		text, _ := again.CombinedOutput()
		if code := again.ProcessState.ExitCode(); code != 1 && code != 2 {
			t.Errorf("replayed: exit %d\n%s", code, text)
		}
		r.tookEffect(t, 1)
	})
	t.Run("kill and pause", func(t *testing.T) {
		r := decided(t, 0, nil, append(common, "--model", "linearizable,read-your-writes", "--faults", "kill,pause", "--operator", s.operator, "--duration", "6s", "--seed", "7")...)
		r.tookEffect(t, 2)
		for _, model := range []string{"read-your-writes"} {
			if got := r.verdict(t, model); got != "held" {
				t.Errorf("%s at QUORUM: %s\n%s", model, got, r.stdout)
			}
		}
		history, err := exec.Command(binary, "show", "latest", "--out", r.out).Output()
		must(t, err)
		if !strings.Contains(string(history), "refuses connections") || !strings.Contains(string(history), "answers") {
			t.Errorf("the faults have no proof of what was seen:\n%s", history)
		}
	})
	t.Run("clients that die, without any command", func(t *testing.T) {
		r := decided(t, 0, nil, append(common, "--model", "read-your-writes,no-lost-writes", "--faults", "client-death", "--duration", "6s", "--rate", "300", "--seed", "7")...)
		r.expect(t, 0, "held").tookEffect(t, 2)
		// Sessions carry nothing at these levels, and cannot lose it.
		lapse(t, nil, append(common, "--faults", "token-lost")...).expect(t, 64, "token-lost needs sessions that carry something")
	})
	t.Run("a kill that does nothing", func(t *testing.T) {
		lame := filepath.Join(s.dir, "lame.yaml")
		must(t, os.WriteFile(lame, []byte("timeout: 1s\nall: {kill: 'true', start: 'true'}\n"), 0o644))
		// Of a model that holds without repair of reads too: linearizable may be broken here, and then there is nothing to be undecided.
		r := lapse(t, nil, append(common, "--model", "read-your-writes", "--faults", "kill", "--operator", lame, "--duration", "2s", "--seed", "7")...)
		r.expect(t, 2, "was not seen to take effect", "still answers")
	})
	t.Run("a fault without its command", func(t *testing.T) {
		lapse(t, nil, append(common, "--faults", "kill")...).expect(t, 64, "fault kill", "n1.kill", "--operator")
		lame := filepath.Join(s.dir, "half.yaml")
		must(t, os.WriteFile(lame, []byte("all: {kill: 'true'}\n"), 0o644))
		lapse(t, nil, append(common, "--faults", "kill", "--operator", lame)...).expect(t, 64, "n1.start")
		lapse(t, nil, append(common, "--faults", "clock", "--operator", s.operator)...).expect(t, 64, "clock")
		lapse(t, nil, append(common, "--faults", "partition-oneway", "--operator", s.operator)...).expect(t, 64, "both directions")
	})
	t.Run("a probe that proves nothing", func(t *testing.T) {
		lame := filepath.Join(s.dir, "deaf.yaml")
		must(t, os.WriteFile(lame, []byte("all: {cut: 'true', heal: 'true', probe: 'false'}\n"), 0o644))
		lapse(t, nil, append(common, "--faults", "partition-one", "--operator", lame)...).expect(t, 3, "while nothing is broken")
	})
	t.Run("bad input", func(t *testing.T) {
		lapse(t, nil, append(common, "--write-level", "9")...).expect(t, 64, "--write-level 9")
		lapse(t, nil, append(common, "--set", "defects=stale-cache")...).expect(t, 64, "no such option")
		lapse(t, nil, append(common, "--set", "replication=2", "--duration", "1s")...).expect(t, 3, "replication=3")
		lapse(t, nil, append(common, "--provider", "sandbox")...).expect(t, 64, "--at")
		lapse(t, nil, append(common, "--nodes", "5")...).expect(t, 64, "3 to 3 nodes")
		lapse(t, nil, "run", "--target", "quorumkv", "--provider", "external").expect(t, 64, "--at")
		lapse(t, nil, "run", "--target", "quorumkv", "--operator", s.operator).expect(t, 64, "--at")
		// Nobody listens there; 192.0.2.0/24 is for documentation, and leads nowhere.
		for _, at := range []string{"127.0.0.1:" + freePorts(t, 1)[0], "192.0.2.1:7400", "nowhere.invalid:7400"} {
			for _, target := range []string{"quorumkv", "postgres", "cassandra"} {
				r := lapse(t, nil, "run", "--target", target, "--at", at, "--set", tlsOff(target)).expect(t, 3, "--at", "see whether the address")
				if r.took > 20*time.Second {
					t.Errorf("%s at %s: said after %v", target, at, r.took)
				}
				if _, err := os.Stat(r.out); err == nil {
					t.Errorf("%s at %s: something was left in %s", target, at, r.out)
				}
			}
		}
	})
	t.Run("nodes that do not reach each other", func(t *testing.T) {
		// They connect again two seconds later, as nodes do that were just started.
		cuts := []string{filepath.Join(s.dir, "cut-n1-n2"), filepath.Join(s.dir, "cut-n1-n3")}
		for _, f := range cuts {
			must(t, os.WriteFile(f, nil, 0o644))
		}
		await(t, "n1 to be alone", func(context.Context) error {
			answer, err := http.Get("http://" + s.addrs[0] + "/kv/alone?r=QUORUM")
			if err != nil {
				return err
			}
			if answer.StatusCode != http.StatusServiceUnavailable {
				err = fmt.Errorf("it answers %s", answer.Status)
			}
			return errors.Join(err, answer.Body.Close())
		})
		lapse(t, nil, append(common, "--duration", "1s")...).expect(t, 3, "n1 is not connected with n2", "look whether")
		healed := time.AfterFunc(2*time.Second, func() {
			for _, f := range cuts {
				_ = os.Remove(f) // the run says so if it is still there
			}
		})
		defer healed.Stop()
		if r := lapse(t, nil, append(common, "--duration", "1s")...); r.code == 3 || r.code == 64 {
			t.Errorf("nodes that join meanwhile: exit %d\n%s", r.code, r.stderr)
		}
	})
	t.Run("doctor", func(t *testing.T) {
		lapse(t, nil, "doctor", "--target", "quorumkv", "--at", s.at()).expect(t, 0, "ready", "node2")
		lapse(t, nil, "doctor", "--target", "quorumkv", "--at", "127.0.0.1:"+freePorts(t, 1)[0]).expect(t, 3, "refuses connections")
	})
}

func tlsOff(target string) string {
	if target == "quorumkv" {
		return "read_repair=off"
	}
	return "tls=off"
}

// runOf is the identifier of the one run of a command line.
func runOf(t *testing.T, r result) string {
	t.Helper()
	to, err := os.Readlink(filepath.Join(r.out, "latest"))
	must(t, err)
	return filepath.Base(to)
}
