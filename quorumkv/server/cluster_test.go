package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/ports"
	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/internal/proxy"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// The test binary runs as a node when this is set, so that tests have real processes to kill.
const serveEnv = "QUORUMKV_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveEnv) != "" {
		go func() { // ends with the test, however that ends
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
		cmd := Command()
		cmd.SetArgs(os.Args[1:])
		if cmd.ExecuteContext(context.Background()) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	ctx := within(t)
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("never came about: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// cluster is nodes n1, n2, ... in this process, every directed link between them led through a proxy when wanted.
type cluster struct {
	clients map[string]*client.Client
	addrs   map[string]string
	links   map[[2]string]*proxy.Proxy
}

func startCluster(t testing.TB, nodes int, proxies bool, change func(*Config)) *cluster {
	t.Helper()
	c := startNodes(t, nodes, proxies, change)
	c.connected(t)
	return c
}

// startUnconnected does not wait for nodes to see each other.
func startUnconnected(t testing.TB, nodes int, change func(*Config)) *cluster {
	t.Helper()
	return startNodes(t, nodes, false, change)
}

func startNodes(t testing.TB, nodes int, proxies bool, change func(*Config)) *cluster {
	t.Helper()
	c := &cluster{clients: map[string]*client.Client{}, addrs: map[string]string{}, links: map[[2]string]*proxy.Proxy{}}
	listeners := map[string]net.Listener{}
	var names []string
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("n", i+1)
		names = append(names, name)
		listeners[name], c.addrs[name] = l, l.Addr().String()
		c.clients[name] = client.New(c.addrs[name])
		t.Cleanup(c.clients[name].Close)
	}
	for _, name := range names {
		cfg := Default()
		cfg.Node, cfg.Listen, cfg.DataDir, cfg.Peers = name, c.addrs[name], filepath.Join(t.TempDir(), name), map[string]string{}
		cfg.Testing = true
		for _, p := range names {
			addr := c.addrs[p]
			if proxies && p != name {
				link := proxy.New(t, addr)
				c.links[[2]string{name, p}], addr = link, link.Addr()
			}
			cfg.Peers[p] = addr
		}
		if change != nil {
			change(&cfg)
		}
		s, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Serve(ctx, listeners[name]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		t.Cleanup(func() { stop(); wg.Wait() })
	}
	return c
}

// connected waits until every node sees every other.
func (c *cluster) connected(t testing.TB) {
	t.Helper()
	eventually(t, "every node sees every other", func() bool {
		for _, cl := range c.clients {
			h, err := cl.Health(t.Context())
			if err != nil {
				return false
			}
			for _, p := range h.Peers {
				if !p.Connected {
					return false
				}
			}
		}
		return true
	})
}

// isolate cuts or heals all links of a node.
func (c *cluster) isolate(name string, cut bool) {
	for link, p := range c.links {
		if link[0] == name || link[1] == name {
			p.Cut(cut)
		}
	}
}

// Shorthands for clients that must succeed.

func mustPut(t testing.TB, c *client.Client, key, value, w string) protocol.Written {
	t.Helper()
	res, err := c.Put(within(t), key, []byte(value), w)
	if err != nil {
		t.Fatalf("put %s=%s: %v", key, value, err)
	}
	return res
}

func wantGet(t testing.TB, c *client.Client, key, r, want string) {
	t.Helper()
	v, err := c.Get(within(t), key, r, "")
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	if got := text(v); got != want {
		t.Fatalf("get %s at %s: %q, want %q", key, r, got, want)
	}
}

func text(v *protocol.Value) string {
	if v == nil {
		return ""
	}
	return string(v.Bytes())
}

// process is a node in a process of its own.
type process struct {
	name, addr string
	args       []string
	cmd        *exec.Cmd
	log        bytes.Buffer
	client     *client.Client
	stdin      io.Closer
}

// freeAddress is one at which a process can listen, again and again.
func freeAddress(t testing.TB) string {
	t.Helper()
	r, err := ports.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	return r.Addr()
}

func startProcesses(t testing.TB, nodes int, extra ...string) []*process {
	t.Helper()
	return startProcessesOver(t, certs.Files{}, nodes, extra...)
}

// startProcessesOver starts nodes, and makes clients of theirs, that all have the certificate of files; they talk plain text without any.
func startProcessesOver(t testing.TB, files certs.Files, nodes int, extra ...string) []*process {
	t.Helper()
	if !files.None() {
		extra = append([]string{"--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA}, extra...)
	}
	var all []*process
	var peers []string
	for i := range nodes {
		p := &process{name: fmt.Sprint("n", i+1), addr: freeAddress(t)}
		peers = append(peers, p.name+"="+p.addr)
		all = append(all, p)
		p.client = secureClient(t, p.addr, files)
	}
	for _, p := range all {
		p.args = append([]string{"serve", "--node", p.name, "--listen", p.addr, "--data-dir", filepath.Join(t.TempDir(), p.name),
			"--peers", strings.Join(peers, ","), "--testing"}, extra...)
		p.start(t)
		t.Cleanup(func() { p.kill(t) })
	}
	for _, p := range all {
		p.ready(t)
	}
	return all
}

func (p *process) start(t testing.TB) {
	t.Helper()
	p.cmd = exec.Command(os.Args[0], p.args...)
	p.cmd.Env = append(os.Environ(), serveEnv+"=1")
	p.cmd.Stderr = &p.log
	stdin, err := p.cmd.StdinPipe() // closed when this process ends, and by Wait
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// ready waits until the node and its peers see each other.
func (p *process) ready(t testing.TB) {
	t.Helper()
	eventually(t, p.name+" is ready", func() bool {
		h, err := p.client.Health(t.Context())
		if err != nil {
			return false
		}
		for _, peer := range h.Peers {
			if !peer.Connected {
				return false
			}
		}
		return true
	})
}

// kill is kill -9.
func (p *process) kill(t testing.TB) {
	t.Helper()
	p.end(t, syscall.SIGKILL)
}

// end sends a signal and waits; it returns how the process ended.
func (p *process) end(t testing.TB, sig os.Signal) error {
	t.Helper()
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	err := p.cmd.Wait()
	p.cmd = nil
	return err
}

func killAll(t testing.TB, ps []*process) {
	t.Helper()
	for _, p := range ps {
		p.kill(t)
	}
}

func restartAll(t testing.TB, ps []*process) {
	t.Helper()
	for _, p := range ps {
		p.start(t)
	}
	for _, p := range ps {
		p.ready(t)
	}
}
