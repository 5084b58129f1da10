package postgres

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// On loopback other users of the machine can reach the servers, so that there is
// a password; see also secretKept.

func TestReadYourWritesOnLoopback(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		d := deployOn(t, local.Provider{}, targets.Config{WriteLevel: writeLocal, ReadLevel: readReplica})
		readYourWrites(d)
		secretKept(d)
	})
}

func TestPartitionAndFailoverOnLoopback(t *testing.T) {
	d := deployOn(t, local.Provider{}, withFailover(writeLocal, "none"))
	losesAsynchronousWrites(d)
	secretKept(d)
}

func TestSynchronousReplicationOnLoopback(t *testing.T) {
	d := deployOn(t, local.Provider{}, targets.Config{WriteLevel: writeOn, Options: map[string]string{"sync": "first:1"}})
	s := d.session(0)
	s.write(1, 11)
	cut := append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)
	must(t, d.Cluster.Network().Cut(d.ctx, cut...))
	if res := s.do(short, write(1, 12)); res.Outcome != history.Info || !res.Broken {
		t.Errorf("a commit with all standbys cut off: %v (%v), want info", res.Outcome, res.Err)
	}
	must(t, d.Cluster.Network().HealAll(d.ctx))
	d.await("the commit to end its wait", shows(d.session(0), 1, 12))
	d.allReady()
}

// secretKept makes sure that a password is asked for, and that it is in no log and
// in no file that outlives the run.
func secretKept(d *deployment) {
	t := d.t
	if len(d.password) < 32 {
		t.Fatalf("the password has %d letters", len(d.password))
	}
	for _, wrong := range []string{"", "wrong"} {
		for _, user := range []string{superuser, clientUser} {
			who := login{user: user, password: wrong, database: database}
			c, err := d.connect(d.ctx, d.primaryIndex(), who)
			if err == nil {
				c.close()
				t.Errorf("user %s came in with the password %q", user, wrong)
			} else if strings.Contains(err.Error(), d.password) {
				t.Error("an error tells the password")
			}
		}
	}
	for _, n := range d.Nodes {
		err := filepath.WalkDir(n.LogDir(), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), d.password) {
				t.Errorf("%s tells the password", path)
			}
			return err
		})
		must(t, err)
		if _, err := os.Stat(filepath.Join(n.Dir(), "password")); err == nil {
			t.Errorf("the file with the password was left on %s", n.Name())
		}
	}
}

func TestInstalledSoftware(t *testing.T) {
	cfg := targets.Config{Nodes: 2, ReadLevel: readReplica, Options: map[string]string{"software": "path"}}
	present, err := Target{}.Present(t.Context(), cfg)
	if _, none := installed(os.Getenv("PATH"), debianBindirs); none != nil {
		// Nothing to be tested with: then it has to say what to do.
		if err == nil || !strings.Contains(err.Error(), "--set bindir=") {
			t.Errorf("without an installed PostgreSQL: %v, want the way out", err)
		}
		t.Logf("this machine has no PostgreSQL installed: %v", err)
		return
	}
	must(t, err)
	t.Log(present)
	d := deploy(t, cfg)
	d.session(0).write(1, 11)
	d.await("the write to be replicated", func(ctx context.Context) error { return d.Ready(ctx, "n2") })
	if v := d.session(1).read(1); v != 11 {
		t.Errorf("the standby shows %v, want 11", v)
	}
}
