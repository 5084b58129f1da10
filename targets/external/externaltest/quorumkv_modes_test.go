package externaltest

import (
	"net/http"
	"strings"
	"testing"

	nodes "github.com/lapse-test/lapse/quorumkv/certs/authority"
)

// TestQuorumkvModes: an external cluster is asked for its mode, which gives the levels; another mode, levels of another, and a setting that the nodes deny are refused. Nothing is left there.
func TestQuorumkvModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode, flags   string
		write, read   string // its defaults
		foreign, wait string // a level of another mode, and what the refusal says there is
		denied, says  string // a setting that is not so
	}{
		{"raft", "", "majority", "read-index", "semi-sync", "there is majority", "fsync=false", "--set fsync=true"},
		{"single-leader", "--fencing=false", "semi-sync", "leader", "majority", "there is semi-sync", "fencing=on", "--set fencing=off"},
		{"multi-leader", "--conflicts siblings", "leader", "leader", "majority", "there is leader", "conflicts=crdt", "--set conflicts=siblings"},
		{"sharded", "--shards 3", "majority", "read-index", "ONE", "there is majority", "shards=2", "--set shards=3"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			s := startStoreAs(t, "--mode "+c.mode+" "+c.flags, http.DefaultClient, "http")
			at := []string{"--target", "quorumkv", "--at", s.at()}
			r := lapse(t, nil, append(append([]string{"run"}, at...), "--duration", "2s", "--rate", "100", "--seed", "7", "--progress", "plain")...)
			for _, want := range []string{"quorumkv, " + c.mode + ", an external cluster", "write " + c.write + ", read " + c.read} {
				if r.code > 2 || !strings.Contains(r.stdout+r.stderr, want) {
					t.Errorf("exit %d, want one with %q\n%s%s", r.code, want, r.stdout, r.stderr)
				}
			}
			lapse(t, nil, append([]string{"doctor"}, at...)...).expect(t, 0, "mode "+c.mode)
			for _, refused := range []struct {
				args []string
				code int
				says string
			}{
				{[]string{"--write-level", c.foreign}, 64, c.wait},
				{[]string{"--set", "mode=leaderless"}, 3, "runs in mode " + c.mode + ", and not leaderless"},
				{[]string{"--set", c.denied}, 3, c.says},
			} {
				r := lapse(t, nil, append(append([]string{"run"}, at...), append(refused.args, "--duration", "2s")...)...)
				if r.code != refused.code || !strings.Contains(r.stdout+r.stderr, refused.says) {
					t.Errorf("%v: exit %d, want %d and %q\n%s%s", refused.args, r.code, refused.code, refused.says, r.stdout, r.stderr)
				}
			}
		})
	}
}

// TestQuorumkvOverTLS: with the files that nodes and clients need a run goes over TLS, and without one of them it is refused.
func TestQuorumkvOverTLS(t *testing.T) {
	t.Parallel()
	a, err := nodes.New()
	must(t, err)
	files, err := a.Issue(t.TempDir(), "nodes", []string{"127.0.0.1"})
	must(t, err)
	secure, err := a.Client("test")
	must(t, err)
	s := startStoreAs(t, "--mode raft --tls-cert "+files.Cert+" --tls-key "+files.Key+" --tls-ca "+files.CA,
		&http.Client{Transport: &http.Transport{TLSClientConfig: secure}}, "https")
	with := []string{"--set", "tls=on", "--set", "tls_ca=" + files.CA, "--set", "tls_cert=" + files.Cert, "--set", "tls_key=" + files.Key}
	for _, c := range []struct {
		what string
		set  []string
		ok   bool
	}{
		{"all files", with, true},
		{"no certificate of the client", with[:4], false},
		{"plain text", nil, false},
	} {
		args := append([]string{"run", "--target", "quorumkv", "--at", s.at(), "--duration", "2s", "--rate", "100", "--seed", "7", "--progress", "plain"}, c.set...)
		r := lapse(t, nil, args...)
		if c.ok != (r.code <= 2) || c.ok != strings.Contains(r.stdout+r.stderr, "quorumkv, raft, an external cluster") || !c.ok && r.code != 3 {
			t.Errorf("%s: exit %d\n%s%s", c.what, r.code, r.stdout, r.stderr)
		}
	}
}
