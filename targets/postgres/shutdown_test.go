package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestShutdown: a server that is told to end does so in order, though a client is connected, and
// has its data when it is started again.
func TestShutdown(t *testing.T) {
	d := deploy(t, targets.Config{Nodes: 1, WriteLevel: writeLocal})
	s := d.session(0).connected()
	s.write(1, 11)
	must(t, d.Shutdown(d.ctx, "n1"))
	if st := d.Nodes[0].State(); st != cluster.Stopped {
		t.Fatalf("it is %s", st)
	}
	log, err := os.ReadFile(filepath.Join(d.Nodes[0].LogDir(), logName))
	must(t, err)
	for _, want := range []string{"received fast shutdown request", "database system is shut down"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("its log does not say %q", want)
		}
	}
	must(t, d.Restart(d.ctx, "n1"))
	must(t, cluster.Await(d.ctx, "n1 to serve again", func(ctx context.Context) error { return d.Ready(ctx, "n1") }))
	if got := d.session(0).read(1); got != 11 {
		t.Errorf("afterwards: %v", got)
	}
	must(t, d.Nodes[0].Kill(d.ctx))
	must(t, d.Shutdown(d.ctx, "n1")) // there is nobody to tell
}
