package externaltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/etcd"
)

// etcdPassword is that of root, and of guest, who may not write.
const etcdPassword = "tr0ub4dor-and-five"

// etcdServer is a member that the test runs.
type etcdServer struct {
	host, port, scheme string
	peer               string
}

func (s etcdServer) addr() string { return s.host + ":" + s.port }

// startEtcd starts members of one cluster.
func startEtcd(t *testing.T, n int, scheme string, args ...string) []etcdServer {
	t.Helper()
	var members []etcdServer
	var list []string
	for i := range n {
		ports := freePorts(t, 2)
		members = append(members, etcdServer{host: "127.0.0.1", port: ports[0], scheme: scheme, peer: "http://127.0.0.1:" + ports[1]})
		list = append(list, fmt.Sprintf("m%d=%s", i, members[i].peer))
	}
	for i, m := range members {
		dir := t.TempDir()
		url := scheme + "://" + m.addr()
		start(t, filepath.Join(dir, "log"), exec.Command("etcd", append([]string{
			"--name", fmt.Sprint("m", i), "--data-dir", filepath.Join(dir, "data"), "--logger", "zap", "--log-outputs", "stderr",
			"--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", m.peer, "--initial-advertise-peer-urls", m.peer,
			"--initial-cluster", strings.Join(list, ","),
		}, args...)...))
	}
	for _, m := range members {
		await(t, "etcd to answer", func(context.Context) error {
			out, err := m.ctl("", "get", "nothing")
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	return members
}

// ctl runs etcdctl as user, who is nobody if it is empty.
func (s etcdServer) ctl(user string, args ...string) (string, error) {
	args = append([]string{"--endpoints", s.scheme + "://" + s.addr(), "--insecure-skip-tls-verify", "--insecure-transport=" + fmt.Sprint(s.scheme == "http")}, args...)
	cmd := exec.Command("etcdctl", args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	if user != "" {
		cmd.Env = append(cmd.Env, "ETCDCTL_USER="+user+":"+etcdPassword)
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (s etcdServer) must(t *testing.T, user string, args ...string) string {
	t.Helper()
	out, err := s.ctl(user, args...)
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return out
}

// TestEtcd: the same workloads on members that the test runs.
func TestEtcd(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	ca.server(t)
	members := startEtcd(t, 3, "http")
	first := members[0]
	first.must(t, "", "user", "add", "root:"+etcdPassword)
	first.must(t, "", "user", "add", "guest:"+etcdPassword)
	first.must(t, "", "role", "add", "reader")
	first.must(t, "", "role", "grant-permission", "reader", "--prefix=true", "read", "lapse_")
	first.must(t, "", "user", "grant-role", "guest", "reader")
	first.must(t, "", "put", "precious", "theirs")
	first.must(t, "", "auth", "enable")
	all := members[0].addr() + "," + members[1].addr() + "," + members[2].addr()
	encrypted := startEtcd(t, 1, "https", "--cert-file", ca.file("server.pem"), "--key-file", ca.file("server.key"))[0]
	as := func(user, password string) []string {
		return []string{"LAPSE_ETCD_USER=" + user, "LAPSE_ETCD_PASSWORD=" + password}
	}
	root := as("root", etcdPassword)
	common := []string{"run", "--target", "etcd", "--progress", "plain", "--duration", "4s", "--rate", "200", "--concurrency", "4"}
	clean := func(t *testing.T) {
		t.Helper()
		if keys := first.must(t, "root", "get", "--prefix", "", "--keys-only"); keys != "precious" {
			t.Errorf("these keys are there: %s", keys)
		}
	}
	t.Run("three members", func(t *testing.T) {
		r := decided(t, 0, root, append(common, "--at", all, "--model", "linearizable", "--duration", "8s")...)
		r.expect(t, 0, "held", "etcd 3.4").keeps(t, etcdPassword)
		clean(t)
	})
	t.Run("locks", func(t *testing.T) {
		r := decided(t, 0, root, append(common, "--at", all, "--workload", "lock", "--model", "mutex")...)
		r.expect(t, 0, "held").keeps(t, etcdPassword)
		clean(t)
	})
	t.Run("locks whose holders are paused", func(t *testing.T) {
		// A lease lasts two seconds: who is paused for longer still believes in its lock.
		r := decided(t, 1, root, append(common, "--at", all, "--workload", "lock", "--session", "stay", "--concurrency", "12", "--keys", "6", "--rate", "24", "--model", "mutex",
			"--faults", "pause-clients", "--fault-hold", "4s", "--fault-interval", "5s", "--duration", "16s", "--seed", "3")...)
		r.tookEffect(t, 1)
		clean(t)
	})
	t.Run("over TLS, with a password from a file", func(t *testing.T) {
		encrypted.must(t, "", "user", "add", "root:"+etcdPassword)
		encrypted.must(t, "", "auth", "enable")
		file := filepath.Join(t.TempDir(), "password")
		must(t, os.WriteFile(file, []byte(etcdPassword+"\n"), 0o600))
		env := []string{"LAPSE_ETCD_USER=root", "LAPSE_ETCD_PASSWORD_FILE=" + file}
		r := decided(t, 0, env, append(common, "--at", "localhost:"+encrypted.port, "--set", "tls_ca="+ca.file("ca.pem"), "--model", "linearizable")...)
		r.expect(t, 0, "held").keeps(t, etcdPassword)
	})
	t.Run("killed", func(t *testing.T) {
		cmd := exec.Command(binary, append(common, "--at", all, "--duration", "60s", "--out", filepath.Join(t.TempDir(), "runs"))...)
		cmd.Env = append(cleanEnvironment(), root...)
		p := start(t, filepath.Join(t.TempDir(), "log"), cmd)
		await(t, "the run to begin", func(context.Context) error {
			if keys := first.must(t, "root", "get", "--prefix", "lapse_2", "--keys-only"); strings.Count(keys, "value/") < 2 {
				return fmt.Errorf("it has not: %s", keys)
			}
			return nil
		})
		must(t, p.cmd.Process.Signal(syscall.SIGKILL))
		<-p.done
		lapse(t, root, "doctor", "--target", "etcd", "--at", all).expect(t, 0, "is left alone", "leader", "etcdctl del --prefix lapse_")
		first.must(t, "root", "del", "--prefix", "lapse_")
		clean(t)
	})
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		says []string
	}{
		"no password":    {nil, []string{"--at", all}, 3, []string{"LAPSE_ETCD_USER"}},
		"wrong password": {as("root", "not-the-secret"), []string{"--at", all}, 3, []string{"authentication failed", "LAPSE_ETCD_PASSWORD"}},
		"half of them":   {[]string{"LAPSE_ETCD_USER=root"}, []string{"--at", all}, 64, []string{"LAPSE_ETCD_PASSWORD_FILE"}},
		"no right":       {as("guest", etcdPassword), []string{"--at", all}, 3, []string{"grant-permission"}},
		"in the address": {nil, []string{"--at", "root:" + etcdPassword + "@" + first.addr()}, 64, []string{"credentials come from the environment"}},
		"unknown CA":     {root, []string{"--at", "localhost:" + encrypted.port, "--set", "tls=on"}, 3, []string{"tls_ca"}},
		"not encrypted":  {root, []string{"--at", first.addr(), "--set", "tls=on"}, 3, []string{"tls=off"}},
		"nobody there":   {root, []string{"--at", "127.0.0.1:" + freePorts(t, 1)[0]}, 3, []string{"refuses connections"}},
		"two clusters":   {root, []string{"--at", first.addr() + "," + startEtcd(t, 1, "http")[0].addr()}, 64, []string{"not of one cluster"}},
		"unknown level":  {root, []string{"--at", all, "--read-level", "MOST"}, 64, []string{"etcd has linearizable, serializable"}},
		"option of ours": {root, []string{"--at", all, "--set", "version=3.6"}, 64, []string{"no such option"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := lapse(t, c.env, append(common, c.args...)...).expect(t, c.code, c.says...)
			r.keeps(t, etcdPassword)
			r.keeps(t, "not-the-secret")
			if r.took > 20*time.Second {
				t.Errorf("said after %v", r.took)
			}
		})
	}
	clean(t)
	t.Run("keys of that name", func(t *testing.T) {
		t.Setenv("LAPSE_ETCD_USER", "root")
		t.Setenv("LAPSE_ETCD_PASSWORD", etcdPassword)
		first.must(t, "root", "put", "lapse_runs/lapse_mine", "made by somebody")
		target, err := etcd.Target{}.External([]string{all})
		must(t, err)
		refusesToTouch(t, target, "mine")
		if got := first.must(t, "root", "get", "lapse_runs/lapse_mine", "--print-value-only"); got != "made by somebody" {
			t.Errorf("it is %q now", got)
		}
	})
}
