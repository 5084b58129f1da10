package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/quorumkv/certs/authority"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
)

func newAuthority(t testing.TB) *authority.Authority {
	t.Helper()
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t testing.TB, a *authority.Authority, name string, hosts ...string) certs.Files {
	t.Helper()
	f, err := a.Issue(t.TempDir(), name, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// secureClient shows the certificate of files, and talks plain text without any.
func secureClient(t testing.TB, addr string, files certs.Files) *client.Client {
	t.Helper()
	_, secure, err := certs.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewSecure(addr, secure, (&net.Dialer{}).DialContext)
	t.Cleanup(c.Close)
	return c
}

// startSecure starts nodes with these files, whose clients have a certificate of a.
func startSecure(t testing.TB, a *authority.Authority, nodes int, files func(node string) certs.Files, change func(*Config)) *cluster {
	t.Helper()
	c := startUnconnected(t, nodes, func(cfg *Config) {
		f := files(cfg.Node)
		cfg.TLSCert, cfg.TLSKey, cfg.TLSCA = f.Cert, f.Key, f.CA
		change(cfg)
	})
	own := issue(t, a, "client")
	for name, addr := range c.addrs {
		c.clients[name] = secureClient(t, addr, own)
	}
	return c
}

// Every mode works over TLS, between nodes and for clients.
func TestTLSInEveryMode(t *testing.T) {
	for _, mode := range Modes() {
		t.Run(mode, func(t *testing.T) {
			a := newAuthority(t)
			c := startSecure(t, a, 3, func(node string) certs.Files { return issue(t, a, node, "127.0.0.1") }, func(cfg *Config) {
				if cfg.Mode = mode; mode == sharded.Mode {
					shardedMode(sharded.TwoPhaseCommit)(cfg)
				}
				cfg.RequestTimeout, cfg.PeerTimeout = 20*time.Second, 10*time.Second // a busy machine is no failure
			})
			c.connected(t)
			for _, name := range []string{"n1", "n2", "n3"} {
				eventually(t, "a write through "+name, func() bool {
					_, err := c.clients[name].Put(t.Context(), "of-"+name, []byte("v"), "")
					return err == nil
				})
				wantGet(t, c.clients[name], "of-"+name, "", "v")
			}
		})
	}
}

// wantNoConnection asks over the connection for programs, of which nothing comes about.
func wantNoConnection(t *testing.T, what string, asks *client.Client) {
	t.Helper()
	var e *client.Error
	if _, err := asks.As("tenant").Put(within(t), "k", []byte("v"), "1"); !errors.As(err, &e) || e.Code != client.CodeNoAnswer || e.Outcome != protocol.NotWritten {
		t.Errorf("%s writes: %v", what, err)
	}
	if v, err := asks.Get(within(t), "k", "1", ""); err == nil {
		t.Errorf("%s reads %+v", what, v)
	}
}

// Whoever has no certificate of the authority gets nothing, and is told what is wrong: a client in plain text, and one of another authority; and a client refuses a node of
// another authority, or one for another host. Nodes do the same with each other.
func TestWhoIsRefusedOverTLS(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	nodes := map[string]certs.Files{"n1": issue(t, a, "n1", "127.0.0.1"), "n2": issue(t, a, "n2", "elsewhere.example"), "n3": issue(t, other, "n3", "127.0.0.1")}
	c := startSecure(t, a, 3, func(node string) certs.Files { return nodes[node] }, func(cfg *Config) { cfg.Replication = 1 })
	good := issue(t, a, "client")
	stranger := issue(t, other, "client")
	stranger.CA = good.CA // it believes the nodes
	for _, tc := range []struct {
		what  string
		at    string
		files certs.Files
		says  string
	}{
		{"a client with a certificate", "n1", good, ""},
		{"a client in plain text", "n1", certs.Files{}, "Client sent an HTTP request to an HTTPS server"},
		{"a client of another authority", "n1", stranger, client.CodeNoAnswer}, // in which words, depends on who writes first
		{"a node for another host", "n2", good, "certificate"},
		{"a node of another authority", "n3", good, "certificate signed by unknown authority"},
	} {
		asks := secureClient(t, c.addrs[tc.at], tc.files)
		_, err := asks.Health(within(t))
		if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v, want %q", tc.what, err, tc.says)
		}
		if tc.says != "" {
			wantNoConnection(t, tc.what, asks)
		}
	}
	shows := func(files certs.Files) *tls.Config {
		_, c, err := certs.Load(files)
		if err != nil {
			t.Fatal(err)
		}
		c.ServerName = "127.0.0.1"
		return c
	}
	none, forced := shows(good), shows(stranger)
	none.Certificates = nil
	// Else it would see that the node does not want the certificate, and show none.
	forced.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &forced.Certificates[0], nil }
	for _, tc := range []struct {
		what  string
		shows *tls.Config
		says  string
	}{
		{"a client without a certificate", none, "certificate required"},
		{"a client that shows one of another authority", forced, "tls: "},
	} {
		asks := client.NewSecure(c.addrs["n1"], tc.shows, (&net.Dialer{}).DialContext)
		var e *client.Error
		if _, err := asks.Health(within(t)); !errors.As(err, &e) || e.Code != client.CodeNoAnswer {
			t.Errorf("%s: %v", tc.what, err)
		}
		wantNoConnection(t, tc.what, asks)
		asks.Close()
		dialer := tls.Dialer{Config: tc.shows}
		conn, err := dialer.DialContext(within(t), "tcp", c.addrs["n1"])
		if err != nil {
			t.Fatal(err) // the node refuses after this side is content
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: is told %v, want %q", tc.what, err, tc.says)
		}
		conn.Close()
	}
	eventually(t, "n1 says why it is not connected to the others", func() bool {
		h, err := c.clients["n1"].Health(t.Context())
		return err == nil && !h.Peers["n2"].Connected && !h.Peers["n3"].Connected &&
			strings.Contains(h.Peers["n2"].Error, "certificate") && strings.Contains(h.Peers["n3"].Error, "certificate")
	})
	if out, err := members(t, c.addrs["n1"], "status", "--tls-cert", good.Cert, "--tls-key", good.Key, "--tls-ca", good.CA); err != nil || !strings.Contains(out, "the members are n1 n2 n3") {
		t.Errorf("the command, with a certificate: %s, %v", out, err)
	}
	if _, err := members(t, c.addrs["n1"], "status"); err == nil || !strings.Contains(err.Error(), "HTTPS server") {
		t.Errorf("the command, in plain text: %v", err)
	}
}

// A follower that is too far behind for the log gets its snapshot over TLS too: there is no other way to it.
func TestRaftSnapshotOverTLS(t *testing.T) {
	ps := startProcessesOver(t, issue(t, newAuthority(t), "node", "127.0.0.1"), 3, "--mode", "raft", "--log-entries", "10", "--request-timeout", "5s")
	for i := range 60 {
		if i == 1 {
			ps[2].kill(t) // not before the first write: a group begins with all three
		}
		key := fmt.Sprint("k", i)
		eventually(t, "a write is acknowledged", func() bool {
			_, err := ps[0].client.Put(t.Context(), key, []byte("v"), "")
			return err == nil
		})
	}
	ps[2].start(t)
	eventually(t, "n3 has the first and the last", func() bool {
		first, err := ps[2].client.Replica(t.Context(), "k0")
		last, err2 := ps[2].client.Replica(t.Context(), "k59")
		return err == nil && err2 == nil && first != nil && last != nil
	})
}

// Files that cannot be used are refused with their names, and without what is in them.
func TestTLSFiles(t *testing.T) {
	a := newAuthority(t)
	good, another := issue(t, a, "n1", "127.0.0.1"), issue(t, a, "n2", "127.0.0.1")
	secret, err := os.ReadFile(good.Key)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(good.Key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key can be read by others: %v, %v", info, err)
	}
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		files certs.Files
		says  string
	}{
		{good, ""},
		{certs.Files{}, ""},
		{certs.Files{Cert: good.Cert, Key: good.Key}, "give all of"},
		{certs.Files{CA: good.CA}, "give all of"},
		{certs.Files{Cert: good.Cert, Key: another.Key, CA: good.CA}, another.Key},
		{certs.Files{Cert: bad, Key: good.Key, CA: good.CA}, bad},
		{certs.Files{Cert: good.Cert, Key: good.Key, CA: bad}, bad},
		{certs.Files{Cert: good.Cert, Key: good.Key, CA: good.Key}, "no certificate in it"},
		{certs.Files{Cert: good.Cert, Key: bad + "-not", CA: good.CA}, bad + "-not"},
	} {
		cfg := Default()
		cfg.Node, cfg.DataDir, cfg.Replication = "n1", filepath.Join(t.TempDir(), "n1"), 1
		cfg.TLSCert, cfg.TLSKey, cfg.TLSCA = tc.files.Cert, tc.files.Key, tc.files.CA
		var log strings.Builder
		s, err := Open(cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), nil)
		var wrong *ConfigError
		if tc.says == "" && err != nil || tc.says != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%+v: %v, want %q", tc.files, err, tc.says)
		}
		if s != nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		said := log.String()
		if err != nil {
			said += err.Error()
		}
		for line := range strings.SplitSeq(string(secret), "\n") {
			if len(line) > 8 && strings.Contains(said, line) {
				t.Errorf("%+v: a secret is told: %s", tc.files, said)
			}
		}
	}
}
