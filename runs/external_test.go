package runs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// marked finds two nodes by marks that begin with "mark:".
type marked struct {
	nodes []string
	// may is why nodes cannot be removed.
	may error
}

func (marked) Finds(at string) bool { return strings.HasPrefix(at, "mark:") }

func (m marked) Find(_ context.Context, at string) (*cluster.Found, error) {
	switch at {
	case "mark:":
		return nil, &cluster.MarkError{Text: at + ": want more"}
	case "mark:nowhere":
		return nil, &cluster.EnvironmentError{Doing: "finding it", Err: errors.New("there is none")}
	}
	at, _ = strings.CutSuffix(at, "?pinned")
	return &cluster.Found{At: m.nodes, Mark: at + "?pinned", Supervisor: m}, nil
}

func (marked) Incarnation(context.Context, string) (cluster.Incarnation, error) {
	return cluster.Incarnation{}, nil
}

func (marked) Replace(context.Context, string, string, cluster.Removal) error { return nil }

func (m marked) May(context.Context, cluster.Removal) error { return m.may }

// TestMarks: nodes are found for a plan, which keeps the mark, and found again for a stored one.
func TestMarks(t *testing.T) {
	m := marked{nodes: []string{"db-0", "db-1:7401", "db-2"}}
	env := func(f cluster.Finder) Environment {
		return Environment{Targets: []targets.Target{quorumkv.New()}, Providers: []providers.Entry{{Provider: external.Provider{Finder: f}}}}
	}
	ask := func(faults string, at ...string) Request {
		return Request{Target: quorumkv.Name, At: at, Faults: faults, WriteLevel: "2", ReadLevel: "2"}
	}
	p, err := Plan(t.Context(), ask("reschedule", "mark:db"), env(m))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"db-0:7400", "db-1:7401", "db-2:7400"}
	if spec := p.Probe(); !slices.Equal(spec.At, want) || spec.Operator.Supervised() == nil || !slices.Equal(p.Plan.At, []string{"mark:db?pinned"}) || p.Plan.Operator != "" {
		t.Errorf("found %v, planned %v with %q", spec.At, p.Plan.At, p.Plan.Operator)
	}
	if again, err := FromPlan(t.Context(), p.Plan, env(m)); err != nil || !slices.Equal(again.Probe().At, want) {
		t.Errorf("a stored plan: %v", err)
	}
	m.may = &cluster.EnvironmentError{Doing: "asking", Err: errors.New("no right")}
	fewer := m
	fewer.nodes = m.nodes[:2]
	var usage *targets.UsageError
	var environment *cluster.EnvironmentError
	for name, c := range map[string]struct {
		finder cluster.Finder
		req    Request
		is     any
		want   string
	}{
		"not alone":     {m, ask("", "mark:db", "db-9"), &usage, "--at mark:db: it stands for all nodes"},
		"no mark":       {m, ask("", "mark:"), &usage, "--at mark:: want more"},
		"nothing there": {m, ask("", "mark:nowhere"), &environment, "there is none"},
		"no right":      {m, ask("reschedule", "mark:db"), &environment, "no right"},
		"by addresses":  {m, ask("reschedule", "db-0,db-1"), &usage, "docs/kubernetes.md"},
		"no finder":     {nil, ask("", "mark:a/b"), &usage, "--at"},
	} {
		_, err := Plan(t.Context(), c.req, env(c.finder))
		if err == nil || !errors.As(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Plan(t.Context(), ask("", "mark:db"), env(m)); err != nil {
		t.Errorf("without the right, and without faults that need it: %v", err)
	}
	if _, err := FromPlan(t.Context(), p.Plan, env(m)); !errors.As(err, &environment) {
		t.Errorf("a stored plan without the right: %v", err)
	}
	fewer.may = nil
	if _, err := FromPlan(t.Context(), p.Plan, env(fewer)); !errors.As(err, &environment) || !strings.Contains(err.Error(), "there are 2, and the plan has 3") {
		t.Errorf("a stored plan for three nodes on two: %v", err)
	}
	given := *p.Plan
	given.At = []string{"db-0", "db-1", "db-2"}
	if _, err := FromPlan(t.Context(), &given, env(nil)); !errors.As(err, &usage) {
		t.Errorf("a stored plan whose nodes nobody keeps: %v", err)
	}
}

// TestDriversFindNoNodes: with drivers nodes are named by their addresses, of the run and of a stored plan, which a driver has;
// one setting apart, both are taken.
func TestDriversFindNoNodes(t *testing.T) {
	env := Environment{
		Targets:   []targets.Target{quorumkv.New()},
		Providers: []providers.Entry{{Provider: external.Provider{Finder: marked{nodes: []string{"db-0", "db-1", "db-2"}}}}},
	}
	for _, c := range []struct {
		at      []string
		drivers int
		refused bool
	}{
		{[]string{"mark:db"}, 2, true},
		{[]string{"mark:db"}, 0, false},
		{[]string{"db-0", "db-1", "db-2"}, 2, false},
	} {
		req := Request{Target: quorumkv.Name, At: c.at, Drivers: c.drivers, WriteLevel: "2", ReadLevel: "2"}
		var usage *targets.UsageError
		says := func(err error) bool {
			return errors.As(err, &usage) && strings.Contains(err.Error(), "--drivers: --at mark:db") && strings.Contains(err.Error(), "name the addresses")
		}
		_, err := Plan(t.Context(), req, env)
		if c.refused != says(err) || !c.refused && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		req.Drivers = 0
		p, err := Plan(t.Context(), req, env)
		if err != nil {
			t.Fatal(err)
		}
		p.Plan.Drivers, p.Plan.DriverListen = c.drivers, "127.0.0.1:7399"
		if c.drivers == 0 {
			p.Plan.DriverListen = ""
		}
		_, err = FromPlan(t.Context(), p.Plan, env)
		if c.refused != says(err) || !c.refused && err != nil {
			t.Errorf("%+v, a stored plan: %v", c, err)
		}
	}
}
