package targettest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// PortTaken starts target with cfg on nodes of p, which shares this machine's addresses, while somebody listens on port of the
// second node, or of the only one. Start must give up as soon as that server ends, name the node and what its log says last, as a
// fault of the surroundings, and leave no server running.
func PortTaken(ctx context.Context, t testing.TB, target targets.Target, p cluster.Provider, cfg targets.Config, port int) {
	t.Helper()
	cfg.Run = "t1"
	cfg, err := target.Resolve(cfg)
	Must(t, err)
	spec := target.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := p.Open(ctx, spec)
	Must(t, err)
	t.Cleanup(func() { Must(t, c.Close(context.WithoutCancel(ctx))) })
	node := c.Nodes()[min(1, len(c.Nodes())-1)].Name()
	addr, err := c.Bind(node, port)
	Must(t, err)
	taken, err := net.Listen("tcp", addr)
	Must(t, err)
	defer func() { _ = taken.Close() }()
	_, err = target.Start(ctx, c, cfg)
	var environment *cluster.EnvironmentError
	if err == nil || !errors.As(err, &environment) {
		t.Fatalf("the port of %s is taken: %v", node, err)
	}
	for _, says := range []string{"the process of " + node + " has ended", "in use"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("it does not say %q: %v", says, err)
		}
	}
	for _, n := range c.Nodes() {
		if n.State() != cluster.Stopped {
			t.Errorf("%s is left %v", n.Name(), n.State())
		}
	}
}
