package local_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) { clustertest.Conformance(t, local.Provider{}) })
}

func TestAvailable(t *testing.T) {
	for _, c := range []struct {
		nodes      int
		linkByLink bool
		ok         bool
	}{
		{1, false, true},
		{1, true, true},
		{2, true, true},
		{2, false, false},
	} {
		spec := cluster.Spec{Run: "r", Nodes: cluster.NodeNames(c.nodes), LinkByLink: c.linkByLink, LogDir: t.TempDir()}
		err := local.Provider{}.Available(context.Background(), spec)
		var env *cluster.EnvironmentError
		switch {
		case c.ok && err != nil:
			t.Errorf("%d nodes, link by link %v: %v", c.nodes, c.linkByLink, err)
		case !c.ok && !errors.As(err, &env):
			t.Errorf("%d nodes, link by link %v: %v, want an EnvironmentError", c.nodes, c.linkByLink, err)
		case !c.ok && (!strings.Contains(env.Way, "sandbox") || !strings.Contains(env.Way, "docker")):
			t.Errorf("the way out %q names neither", env.Way)
		}
		if _, err := (local.Provider{}).Open(context.Background(), spec); !c.ok && err == nil {
			t.Error("Open did not refuse")
		}
	}
}
