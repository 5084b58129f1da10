package mongodb

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	. "github.com/lapse-test/lapse/targets/targettest"
)

// TestExternal drives a stand-in that the test started as an external cluster.
func TestExternal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, running, _ := Deploy(ctx, t, Target{}, sandbox.Provider{}, targets.Config{Cache: StandIn(), OpTimeout: opTimeout}, logName)
	s := running.(*System)
	at := s.nodes[0].Addr
	target, err := Target{}.External([]string{at})
	Must(t, err)
	// The server is not of this machine, so that encryption is the default.
	options := map[string]string{"tls": "off"}
	Must(t, alive.Alive(ctx, at, options))
	if err := alive.Alive(ctx, at, nil); err == nil {
		t.Error("a server that does not encrypt is alive for who wants that")
	}
	cfg, err := target.Resolve(targets.Config{Run: "20261129-050000-1a2b", Options: options})
	Must(t, err)
	text, err := target.(targets.Fetcher).Present(ctx, cfg)
	Must(t, err)
	for _, want := range []string{"a server that is not MongoDB", "n1 (" + at + ") takes writes", "no transactions"} {
		if !strings.Contains(text, want) {
			t.Errorf("it says %q, without %q", text, want)
		}
	}
	env := runs.Environment{Out: t.TempDir(), Providers: providers.Native(), Progress: harness.Silent{}, Log: s.Logger, Targets: []targets.Target{Target{}}}
	for workload, model := range map[string]string{"register": "linearizable", "counter": "counter"} {
		conclusive(ctx, t, env, runs.Request{Target: Name, At: []string{at}, Options: options, Workload: workload, Models: model, Rate: 200, Faults: "client-death", Seed: 3, Seeded: true})
	}
	Must(t, s.ask(ctx, 0, func(ctx context.Context, l *link) error {
		names, err := l.client.ListDatabaseNames(ctx, bson.D{})
		if strings.Contains(strings.Join(names, " "), "lapse_") {
			t.Errorf("there are the databases %v, want none of a run's", names)
		}
		return err
	}))
	if _, err := runs.Plan(ctx, runs.Request{Target: Name, At: []string{at}, Options: options, Workload: "long-fork", Duration: time.Second}, env); err == nil || !strings.Contains(err.Error(), "transaction") {
		t.Errorf("transactions of a standalone server: %v", err)
	}
}

// conclusive runs req, longer and longer, until it has done enough to be judged: a Java
// that has just been started on a busy machine takes its time. Its model must hold.
func conclusive(ctx context.Context, t *testing.T, env runs.Environment, req runs.Request) {
	t.Helper()
	for req.Duration = 2 * time.Second; ; req.Duration *= 2 {
		planned, err := runs.Plan(ctx, req, env)
		Must(t, err)
		done, err := runs.Run(ctx, planned, external.Provider{}, "for the test", env)
		Must(t, err)
		v, ok := done.Summary.ByModel(req.Models)
		switch {
		case ok && v.Status == checkers.Held:
			if f := done.Summary.Load.Faults; f.TookEffect == 0 || f.TookEffect != f.Injected || f.Healed != f.Injected {
				t.Errorf("%s: of the faults there are %+v", req.Workload, f)
			}
			return
		case !ok || v.Status == checkers.Violated || req.Duration > 10*time.Second:
			t.Errorf("%s: %s is %s %v", req.Workload, req.Models, v.Status, v.Reasons)
			return
		}
	}
}

// TestForeign: what another program left is seen, and is no value of ours.
func TestForeign(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, running, _ := Deploy(ctx, t, Target{}, sandbox.Provider{}, targets.Config{Cache: StandIn(), OpTimeout: opTimeout}, logName)
	s := running.(*System)
	Must(t, s.ask(ctx, 0, func(ctx context.Context, l *link) error {
		_, err := l.data.InsertMany(ctx, []any{
			bson.D{{Key: "_id", Value: "value:" + history.Key(1).String()}, {Key: field, Value: "abc"}},
			bson.D{{Key: "_id", Value: "value:" + history.Key(2).String()}, {Key: field, Value: 7.0}},
			bson.D{{Key: "_id", Value: "value:" + history.Key(3).String()}, {Key: field, Value: bson.A{1}}},
		})
		return err
	}))
	for key, want := range map[history.Key]struct {
		outcome history.Outcome
		value   history.Value
		text    string
	}{1: {history.OK, history.TextValue(0), "abc"}, 2: {history.OK, 7, ""}, 3: {history.Fail, 0, ""}} {
		seen := ""
		c, err := s.Open(ctx, targets.Session{Text: func(text string) history.Value {
			seen = text
			return history.TextValue(0)
		}})
		Must(t, err)
		var txn history.Txn
		res := Do(ctx, opTimeout, c, 0, &txn, Read(key))
		if res.Outcome != want.outcome || txn.Mops[0].Ret != want.value || seen != want.text {
			t.Errorf("key %v: %v %v, holds %v, saw %q", key, res.Outcome, res.Err, txn.Mops[0].Ret, seen)
		}
		Must(t, c.Close())
	}
}
