package externaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	driver "github.com/nats-io/nats.go"

	"github.com/lapse-test/lapse/targets/nats"
)

// natsPassword is that of all, who may do everything, and of guest, who may only ask. It
// is the token of the server that encrypts.
const natsPassword = "tr0ub4dor-and-six"

// natsServer is a server that the test runs.
type natsServer struct {
	port string
	// options are how the test itself connects.
	options []driver.Option
}

func (s natsServer) addr() string { return "127.0.0.1:" + s.port }

// natsProgram is the server, built once for this user.
func natsProgram(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(binary, "fetch", "nats", "--progress", "none").CombinedOutput()
	if err != nil {
		t.Fatalf("building NATS: %v\n%s", err, out)
	}
	at := strings.Fields(string(out))
	path := filepath.Join(at[len(at)-1], "nats-server")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v, by\n%s", err, out)
	}
	return path
}

// startNATS starts a server with this configuration beside its name and port.
func startNATS(t *testing.T, program, name, config string, options ...driver.Option) natsServer {
	t.Helper()
	dir, s := t.TempDir(), natsServer{port: freePorts(t, 1)[0], options: options}
	file := filepath.Join(dir, "nats.conf")
	config = strings.ReplaceAll(config, "DIR", dir)
	must(t, os.WriteFile(file, fmt.Appendf(nil, "server_name: %q\nlisten: %q\n%s\n", name, s.addr(), config), 0o600))
	start(t, filepath.Join(dir, "log"), exec.Command(program, "-c", file))
	return s
}

// natsUsers lets two in.
var natsUsers = fmt.Sprintf("authorization { users: [ {user: all, password: %q}, {user: guest, password: %q, permissions: {publish: nothing, subscribe: \"_INBOX.>\"}} ] }\n", natsPassword, natsPassword)

const jetStream = "jetstream { store_dir: \"DIR/data\", max_file_store: 64MB }\n"

// startNATSCluster is of three servers with JetStream.
func startNATSCluster(t *testing.T, program string) []natsServer {
	t.Helper()
	var routes []string
	for _, p := range freePorts(t, 3) {
		routes = append(routes, "127.0.0.1:"+p)
	}
	var servers []natsServer
	for i, r := range routes {
		cluster := fmt.Sprintf("cluster { name: test, listen: %q, routes: [\"nats://%s\"] }\n", r, strings.Join(routes, `", "nats://`))
		servers = append(servers, startNATS(t, program, fmt.Sprint("server-", i), jetStream+natsUsers+cluster, driver.UserInfo("all", natsPassword)))
	}
	return servers
}

// api asks JetStream.
func (s natsServer) api(name, request string) (result struct {
	Error *struct {
		Description string `json:"description"`
	} `json:"error"`
	Streams []string `json:"streams"`
	State   struct {
		Messages int `json:"messages"`
	} `json:"state"`
	Config struct {
		Description string `json:"description"`
	} `json:"config"`
}, err error,
) {
	c, err := driver.Connect("nats://"+s.addr(), append(s.options, driver.NoReconnect())...)
	if err != nil {
		return result, err
	}
	defer c.Close()
	m, err := c.Request("$JS.API."+name, []byte(request), 2*time.Second)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(m.Data, &result); err != nil {
		return result, err
	}
	if result.Error != nil {
		return result, errors.New(result.Error.Description)
	}
	return result, nil
}

// streams are the names of the streams that are there.
func (s natsServer) streams(t *testing.T) []string {
	t.Helper()
	got, err := s.api("STREAM.NAMES", "")
	must(t, err)
	return got.Streams
}

// makeStream makes one, once JetStream lets it be made.
func (s natsServer) makeStream(t *testing.T, config string) {
	t.Helper()
	var made struct {
		Name string `json:"name"`
	}
	must(t, json.Unmarshal([]byte(config), &made))
	await(t, "a stream to be made", func(context.Context) error {
		_, err := s.api("STREAM.CREATE."+made.Name, config)
		return err
	})
}

// TestNATS: the same workloads on servers that the test runs.
func TestNATS(t *testing.T) {
	ca := newAuthority(t, t.TempDir())
	ca.server(t)
	program := natsProgram(t)
	servers := startNATSCluster(t, program)
	first := servers[0]
	all := servers[0].addr() + "," + servers[1].addr() + "," + servers[2].addr()
	const precious = "precious"
	first.makeStream(t, `{"name":"precious","subjects":["precious.>"],"retention":"limits","storage":"file","num_replicas":3}`)
	encrypted := startNATS(t, program, "encrypted", jetStream+fmt.Sprintf("authorization { token: %q }\ntls { cert_file: %q, key_file: %q }\n", natsPassword, ca.file("server.pem"), ca.file("server.key")))
	alone := startNATS(t, program, "alone", jetStream)
	off := startNATS(t, program, "without", "")
	for _, s := range []natsServer{encrypted, alone, off} {
		await(t, "a server to answer", func(ctx context.Context) error {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr())
			if err == nil {
				err = c.Close()
			}
			return err
		})
	}
	as := func(user, password string) []string {
		return []string{"LAPSE_NATS_USER=" + user, "LAPSE_NATS_PASSWORD=" + password}
	}
	secret := as("all", natsPassword)
	common := []string{"run", "--target", "nats", "--progress", "plain", "--duration", "4s", "--rate", "200", "--concurrency", "4"}
	clean := func(t *testing.T) {
		t.Helper()
		if got := first.streams(t); !slices.Equal(got, []string{precious}) {
			t.Errorf("these streams are there: %v", got)
		}
	}
	t.Run("three servers", func(t *testing.T) {
		r := decided(t, 0, secret, append(common, "--at", all, "--workload", "session", "--rate", "1000", "--model", "no-lost-writes", "--faults", "client-death", "--duration", "6s")...)
		r.expect(t, 0, "held", "NATS 2.", "an external cluster").keeps(t, natsPassword)
		r.tookEffect(t, 2)
		clean(t)
	})
	t.Run("servers that are not named", func(t *testing.T) {
		// By another name of the same address, which the servers do not tell each other.
		localhost := strings.ReplaceAll(all, "127.0.0.1", "localhost")
		if r := lapse(t, secret, "doctor", "--target", "nats", "--at", localhost).expect(t, 0, "server-2"); strings.Contains(r.stdout, "NOT TAKING PART") {
			t.Errorf("all are named: %s", r.stdout)
		}
		lapse(t, secret, "doctor", "--target", "nats", "--at", first.addr()).expect(t, 0, `NOT TAKING PART: the cluster has servers that --at does not name: "server-1", "server-2".`)
	})
	t.Run("direct reads", func(t *testing.T) {
		// Replicas answer, so that some reads are old: how many is the machine's affair.
		r := lapse(t, secret, append(common, "--at", all, "--workload", "session", "--read-level", "direct", "--model", "no-lost-writes", "--duration", "2s")...)
		r.keeps(t, natsPassword)
		if r.code != 0 && r.code != 2 || r.summary(t).Load.OK == 0 {
			t.Errorf("exit %d\n%s\n%s", r.code, r.stdout, r.stderr)
		}
		clean(t)
	})
	t.Run("direct reads, one server of three named", func(t *testing.T) { answersDirect(t, servers, secret) })
	t.Run("over TLS, with a token from a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		must(t, os.WriteFile(file, []byte(natsPassword+"\n"), 0o600))
		r := decided(t, 0, []string{"LAPSE_NATS_PASSWORD_FILE=" + file}, append(common, "--at", "localhost:"+encrypted.port, "--set", "tls_ca="+ca.file("ca.pem"), "--model", "linearizable")...)
		r.expect(t, 0, "held", "an external server").keeps(t, natsPassword)
	})
	t.Run("killed", func(t *testing.T) {
		cmd := exec.Command(binary, append(common, "--at", all, "--duration", "60s", "--out", filepath.Join(t.TempDir(), "runs"))...)
		cmd.Env = append(cleanEnvironment(), secret...)
		p := start(t, filepath.Join(t.TempDir(), "log"), cmd)
		left := ""
		await(t, "the run to begin", func(context.Context) error {
			for _, s := range first.streams(t) {
				if s != precious {
					left = s
				}
			}
			if left == "" {
				return errors.New("there is no bucket")
			}
			got, err := first.api("STREAM.INFO."+left, "")
			if err == nil && got.State.Messages < len(servers)+1 { // beside what shows that each serves
				err = errors.New("it has not")
			}
			return err
		})
		must(t, p.cmd.Process.Signal(syscall.SIGKILL))
		<-p.done
		lapse(t, secret, "doctor", "--target", "nats", "--at", all).expect(t, 0, "is left alone", "nats kv del lapse_", "server-1")
		_, err := first.api("STREAM.DELETE."+left, "")
		must(t, err)
		clean(t)
	})
	other := startRedis(t)
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		says []string
	}{
		"no password":    {nil, []string{"--at", all}, 3, []string{"LAPSE_NATS_USER", "LAPSE_NATS_CREDS"}},
		"wrong password": {as("all", "not-the-secret"), []string{"--at", all}, 3, []string{"Authorization Violation", "LAPSE_NATS_PASSWORD"}},
		"wrong token":    {[]string{"LAPSE_NATS_PASSWORD=not-the-secret"}, []string{"--at", "localhost:" + encrypted.port, "--set", "tls_ca=" + ca.file("ca.pem")}, 3, []string{"Authorization Violation"}},
		"half of them":   {[]string{"LAPSE_NATS_USER=all"}, []string{"--at", all}, 64, []string{"LAPSE_NATS_PASSWORD_FILE"}},
		"no creds":       {[]string{"LAPSE_NATS_CREDS=/nowhere/at.creds"}, []string{"--at", all}, 64, []string{"LAPSE_NATS_CREDS", "no such file"}},
		"both":           {append([]string{"LAPSE_NATS_CREDS=/nowhere/at.creds"}, secret...), []string{"--at", all}, 64, []string{"one of them"}},
		"no right":       {as("guest", natsPassword), []string{"--at", all}, 3, []string{"$JS.API.>"}},
		"in the address": {nil, []string{"--at", "all:" + natsPassword + "@" + first.addr()}, 64, []string{"credentials come from the environment"}},
		"unknown CA":     {[]string{"LAPSE_NATS_PASSWORD=" + natsPassword}, []string{"--at", "localhost:" + encrypted.port, "--set", "tls=on"}, 3, []string{"tls_ca"}},
		"not encrypted":  {secret, []string{"--at", first.addr(), "--set", "tls=on"}, 3, []string{"tls=off"}},
		"nobody there":   {secret, []string{"--at", "127.0.0.1:" + freePorts(t, 1)[0]}, 3, []string{"refuses connections"}},
		"no NATS":        {nil, []string{"--at", other.addr()}, 3, []string{other.addr()}},
		"no JetStream":   {nil, []string{"--at", off.addr()}, 3, []string{"turn JetStream on"}},
		"not clustered":  {nil, []string{"--at", alone.addr(), "--set", "replicas=3"}, 3, []string{"replicas=1"}},
		"too few":        {secret, []string{"--at", all, "--set", "replicas=5"}, 3, []string{"too few servers", "replicas=1"}},
		"two clusters":   {secret, []string{"--at", first.addr() + "," + alone.addr()}, 3, []string{"is in no cluster"}},
		"one twice":      {secret, []string{"--at", first.addr() + ",localhost:" + first.port}, 3, []string{"are one server"}},
		"unknown level":  {secret, []string{"--at", all, "--read-level", "MOST"}, 64, []string{"leader, direct"}},
		"option of ours": {secret, []string{"--at", all, "--set", "version=2.15.3"}, 64, []string{"no such option"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := lapse(t, c.env, append(common, c.args...)...).expect(t, c.code, c.says...)
			r.keeps(t, natsPassword)
			r.keeps(t, "not-the-secret")
			if r.took > 20*time.Second {
				t.Errorf("said after %v", r.took)
			}
		})
	}
	clean(t)
	t.Run("a bucket of that name", func(t *testing.T) {
		t.Setenv("LAPSE_NATS_USER", "all")
		t.Setenv("LAPSE_NATS_PASSWORD", natsPassword)
		first.makeStream(t, `{"name":"KV_lapse_mine","subjects":["mine.>"],"retention":"limits","storage":"file","num_replicas":1,"description":"made by somebody"}`)
		target, err := nats.Target{}.External([]string{all})
		must(t, err)
		refusesToTouch(t, target, "mine")
		if got, err := first.api("STREAM.INFO.KV_lapse_mine", ""); err != nil || got.Config.Description != "made by somebody" {
			t.Errorf("it is %+v now, %v", got, err)
		}
	})
}

// answersDirect: when the load begins, every server of the cluster answers direct reads, not
// only the one that is named.
func answersDirect(t *testing.T, servers []natsServer, env []string) {
	cmd := exec.Command(binary, "run", "--target", "nats", "--at", servers[0].addr(), "--read-level", "direct", "--workload", "session",
		"--progress", "plain", "--duration", "5m", "--rate", "20", "--out", filepath.Join(t.TempDir(), "runs"))
	cmd.Env = append(cleanEnvironment(), env...)
	log := filepath.Join(t.TempDir(), "log")
	p := start(t, log, cmd)
	await(t, "the load to begin", func(context.Context) error {
		text, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(text), "a write and a read went through") {
			err = errors.New("it has not")
		}
		return err
	})
	made := servers[0].streams(t)
	bucket := made[slices.IndexFunc(made, func(name string) bool { return strings.HasPrefix(name, "KV_lapse_") })]
	c, err := driver.Connect("nats://"+servers[0].addr(), append(servers[0].options, driver.NoReconnect())...)
	must(t, err)
	defer c.Close()
	seen := map[string]bool{}
	// A read goes to one of the three by chance: two hundred of them miss none.
	for range 200 {
		to := driver.NewInbox()
		sub, err := c.SubscribeSync(to)
		must(t, err)
		must(t, c.PublishMsg(&driver.Msg{
			Subject: "$JS.API.DIRECT.GET." + bucket + ".$KV." + strings.TrimPrefix(bucket, "KV_") + ".ready.n1", Reply: driver.NewInbox(),
			Header: driver.Header{"Nats-Trace-Dest": {to}, "Nats-Trace-Only": {"true"}},
		}))
		told, err := sub.NextMsg(30 * time.Second)
		must(t, err)
		must(t, sub.Unsubscribe())
		var trace struct {
			Server struct {
				Name string `json:"name"`
			} `json:"server"`
			Events []struct {
				Type, Name string
				Kind       int
			} `json:"events"`
		}
		must(t, json.Unmarshal(told.Data, &trace))
		by := trace.Server.Name
		for _, e := range trace.Events {
			if e.Type == "eg" && e.Kind == 1 { // over a route
				by = e.Name
			}
		}
		seen[by] = true
	}
	for i := range servers {
		if name := fmt.Sprint("server-", i); !seen[name] {
			t.Errorf("%s answered none of 200 direct reads: %v did", name, seen)
		}
	}
	must(t, p.cmd.Process.Signal(os.Interrupt))
	<-p.done
}
