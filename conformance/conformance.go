// Package conformance is the tests that every target passes, whatever its database:
// a target's folder has a test of a few lines that calls Run, in a test binary whose
// TestMain is sandboxtest.Main. What a target does of its own, its own tests try.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// Database is a target with what its tests need.
type Database struct {
	Target targets.Target
	// Config has the options and the number of nodes of every start, and the cache of
	// the tests; the rest is filled in.
	Config targets.Config
	// Levels are the levels that are tried; nil means each read level with the first
	// write level and each write level with the first read level. Each is a start.
	Levels []Levels
	// Violated are claims that a run must refute and Held such that it must not: one
	// of each at least, so that the target was seen to find something and not to cry
	// wolf.
	Violated, Held []Claim
	// Light says that a cluster leaves a core idle most of the time: levels and claims run side by side.
	Light bool
}

// Levels are a read and a write level, as the database spells them.
type Levels struct{ Read, Write string }

// Claim is a run and the model that it is about. The request's target, models and
// seed are filled in.
type Claim struct {
	Name    string
	Request runs.Request
	Model   string
}

const (
	startTimeout = 5 * time.Minute
	opTimeout    = 5 * time.Second
)

// Run runs all of it as subtests: that bad input is refused, every level with every
// function, fields of maps if they can be cleared, that a killed node comes back with its data, and the claims.
func Run(t *testing.T, d Database) {
	t.Helper()
	t.Run("input", d.input)
	for i, l := range d.levels() {
		t.Run("levels/"+l.Read+" "+l.Write, func(t *testing.T) {
			if d.Light {
				t.Parallel()
			}
			s := d.start(t, l)
			s.functions(t)
			if i == 0 {
				t.Run("refused", s.refused)
				t.Run("restart", s.restart)
			}
		})
	}
	if slices.Contains(d.Target.Info().Funcs, history.Clear) {
		t.Run("fields", d.fields)
	}
	if len(d.Violated) == 0 || len(d.Held) == 0 {
		t.Error("there is no claim that is refuted, or none that holds: nobody knows that the target finds anything")
	}
	for want, claims := range map[checkers.Status][]Claim{checkers.Violated: d.Violated, checkers.Held: d.Held} {
		for _, c := range claims {
			t.Run(string(want)+"/"+c.Name, func(t *testing.T) {
				if d.Light {
					t.Parallel()
				}
				d.claim(t, c, want)
			})
		}
	}
}

func (d Database) levels() []Levels {
	if d.Levels != nil {
		return d.Levels
	}
	i := d.Target.Info()
	var out []Levels
	for _, r := range i.ReadLevels {
		out = append(out, Levels{r, i.WriteLevels[0]})
	}
	for _, w := range i.WriteLevels[1:] {
		out = append(out, Levels{i.ReadLevels[0], w})
	}
	return out
}

// input: what cannot be served is refused with a sentence that says what can.
func (d Database) input(t *testing.T) {
	i := d.Target.Info()
	for name, change := range map[string]func(*targets.Config){
		"read level":  func(c *targets.Config) { c.ReadLevel = "no-such-level" },
		"write level": func(c *targets.Config) { c.WriteLevel = "no-such-level" },
		"option":      func(c *targets.Config) { c.Options = map[string]string{"no_such_option": "x"} },
		"nodes":       func(c *targets.Config) { c.Nodes = i.MaxNodes + 1 },
	} {
		cfg := d.Config
		change(&cfg)
		_, err := d.Target.Resolve(cfg)
		var usage *targets.UsageError
		if name == "nodes" && err == nil {
			continue // the caller of Resolve refuses that for all targets
		}
		if !errors.As(err, &usage) {
			t.Errorf("a bad %s: %v, want a *targets.UsageError", name, err)
		}
	}
	cfg, err := d.Target.Resolve(d.Config)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ReadLevel != i.ReadLevels[0] || cfg.WriteLevel != i.WriteLevels[0] || cfg.OpTimeout == 0 {
		t.Errorf("the defaults are %s and %s with a deadline of %v, want the first of Info and a deadline", cfg.ReadLevel, cfg.WriteLevel, cfg.OpTimeout)
	}
	again, err := d.Target.Resolve(cfg)
	if err != nil || fmt.Sprint(again.Options) != fmt.Sprint(cfg.Options) || again.ReadLevel != cfg.ReadLevel {
		t.Errorf("resolved again it is %v with %v, want what it was: %v", again.Options, err, cfg.Options)
	}
	if got := len(d.Target.Spec(cfg).Nodes); got != cfg.Nodes {
		t.Errorf("%d nodes are wanted for %d", got, cfg.Nodes)
	}
}

// system is a database that was started.
type system struct {
	targets.System
	ctx     context.Context
	cluster cluster.Cluster
	info    targets.Info
	text    []string
}

func (d Database) start(t *testing.T, l Levels) *system {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	t.Cleanup(cancel)
	cfg := d.Config
	cfg.Run, cfg.OpTimeout, cfg.ReadLevel, cfg.WriteLevel = "t1", opTimeout, l.Read, l.Write
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg, err := d.Target.Resolve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	spec := d.Target.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := sandbox.Provider{}.Open(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	stop := context.WithoutCancel(ctx)
	t.Cleanup(func() {
		if err := c.Close(stop); err != nil {
			t.Error(err)
		}
	})
	sys, err := d.Target.Start(ctx, c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.Stop(stop); err != nil {
			t.Error(err)
		}
	})
	if sys.Version() == "" {
		t.Error("it does not say its version")
	}
	for _, a := range d.Target.Abilities(cfg) {
		if !a.In(sys) {
			t.Errorf("it is said to have the ability %s, and the system has it not", a)
		}
	}
	return &system{System: sys, ctx: ctx, cluster: c, info: d.Target.Info()}
}

// session opens a client whose home is node.
func (s *system) session(t *testing.T, node int) targets.Client {
	t.Helper()
	c, err := s.Open(s.ctx, targets.Session{ID: 1, Home: node, Text: func(text string) history.Value {
		s.text = append(s.text, text)
		return history.TextValue(0)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// do does one micro-operation, which must succeed.
func (s *system) do(t *testing.T, c targets.Client, node int, m history.Mop) history.Mop {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, opTimeout)
	defer cancel()
	var txn history.Txn
	txn.Reset()
	txn.Mops = append(txn.Mops, m)
	if res := c.Do(ctx, node, &txn); res.Outcome != history.OK {
		t.Fatalf("%v of %v by node %d: %v (%v), want ok", m.Func, m.Key, node, res.Outcome, res.Err)
	}
	return txn.Mops[0]
}

// functions does every function that Info names, in an order in which all succeed.
func (s *system) functions(t *testing.T) {
	const register, list, set, counter, queue, account, sequence = 100, 101, 102, 103, 104, 105, 107
	c := s.session(t, 0)
	does := func(m history.Mop) history.Mop {
		if !slices.Contains(s.info.Funcs, m.Func) {
			return m
		}
		return s.do(t, c, 0, m)
	}
	for _, m := range []history.Mop{
		{Func: history.Write, Key: register, Arg: 1},
		{Func: history.Read, Key: register},
		{Func: history.CAS, Key: register, Expect: 1, Arg: 2},
		{Func: history.Read, Key: register},
		{Func: history.Delete, Key: register},
		{Func: history.Append, Key: list, Arg: 1},
		{Func: history.Append, Key: list, Arg: 2},
		{Func: history.ReadList, Key: list},
		{Func: history.Add, Key: set, Arg: 1},
		{Func: history.Remove, Key: set, Arg: 1},
		{Func: history.ReadSet, Key: set},
		{Func: history.Increment, Key: counter, Arg: 3},
		{Func: history.ReadCounter, Key: counter},
		{Func: history.Enqueue, Key: queue, Arg: 1},
		{Func: history.Dequeue, Key: queue},
		{Func: history.Write, Key: account, Arg: 10},
		{Func: history.Write, Key: account + 1, Arg: 10},
		{Func: history.Transfer, Key: account, Arg: account + 1, Expect: 4},
		{Func: history.Generate, Key: sequence},
	} {
		got := does(m)
		if m.Func == history.Read && got.Ret != history.Absent && got.Ret != 1 && got.Ret != 2 {
			t.Errorf("read %v, which nobody wrote (foreign data: %q)", got.Ret, s.text)
		}
	}
}

// fields does with two fields of one map what sets can do. Clearing one leaves the other, and what is added to it after.
func (d Database) fields(t *testing.T) {
	d.Config.Fields = 2
	s := d.start(t, d.levels()[0])
	const cleared, other = 100, 101
	c := s.session(t, 0)
	for _, m := range []history.Mop{
		{Func: history.Add, Key: cleared, Arg: 1}, {Func: history.Add, Key: cleared, Arg: 2}, {Func: history.Add, Key: other, Arg: 3}, {Func: history.Add, Key: other, Arg: 4},
		{Func: history.Remove, Key: other, Arg: 4}, {Func: history.Clear, Key: cleared}, {Func: history.Add, Key: cleared, Arg: 5},
	} {
		s.do(t, c, 0, m)
	}
	for key, want := range map[history.Key]history.Value{cleared: 5, other: 3} {
		ctx, cancel := context.WithTimeout(s.ctx, opTimeout)
		var txn history.Txn
		txn.Reset()
		txn.Mops = append(txn.Mops, history.Mop{Func: history.ReadSet, Key: key})
		res := c.Do(ctx, 0, &txn)
		cancel()
		if got := txn.List(0); res.Outcome != history.OK || !slices.Equal(got, []history.Value{want}) {
			t.Errorf("field %v has %v (%v, %v), want %v alone", key, got, res.Outcome, res.Err, want)
		}
	}
}

// What sessions do to one key at a time in refused.
const (
	rivals      = 6
	eachDoes    = 20
	neverThere  = 1_000_000
	moreThanAll = 1_000_000
)

// refused has sessions want the same keys at the same time, under conditions that hold and such that do not. An
// operation to which the database answered that others, or what is there, were in the way is told by its note or by
// history.Mismatched: the database served it, and it is no downtime (history.Aborted).
func (s *system) refused(t *testing.T) {
	const register, list, set, counter, account = 300, 301, 302, 303, 304
	fresh := make([]targets.Client, rivals)
	for i := range fresh {
		fresh[i] = s.session(t, 0)
	}
	try := func(c targets.Client, m history.Mop) (refused bool) {
		if !slices.Contains(s.info.Funcs, m.Func) {
			return true
		}
		ctx, cancel := context.WithTimeout(s.ctx, opTimeout)
		defer cancel()
		var txn history.Txn
		txn.Reset()
		txn.Mops = append(txn.Mops, m)
		res := c.Do(ctx, 0, &txn)
		if res.Outcome != history.Fail || res.Broken {
			return false
		}
		refused = res.Note == history.NoteAborted || res.Note == history.NoteRefused || txn.Mops[0].Flags&history.Mismatched != 0
		if !refused {
			t.Errorf("%v failed with %q, and nothing says that it was served (note %q)", m.Func, res.Err, res.Note)
		}
		return refused
	}
	for _, m := range []history.Mop{
		{Func: history.Write, Key: register, Arg: 1}, {Func: history.Write, Key: account, Arg: 10}, {Func: history.Write, Key: account + 1, Arg: 10},
	} {
		try(fresh[0], m)
	}
	for _, m := range []history.Mop{
		{Func: history.CAS, Key: register, Expect: neverThere, Arg: 2},
		{Func: history.CAS, Key: register, Expect: history.Absent, Arg: 2},
		{Func: history.Transfer, Key: account, Arg: account + 1, Expect: moreThanAll},
	} {
		if !try(fresh[0], m) {
			t.Errorf("%v under a condition that does not hold was not refused", m.Func)
		}
	}
	var all sync.WaitGroup
	for i, c := range fresh {
		all.Go(func() {
			for j := range eachDoes {
				v := history.Value(1000*i + j + 2)
				for _, m := range []history.Mop{
					{Func: history.CAS, Key: register, Expect: 1, Arg: 1},
					{Func: history.Append, Key: list, Arg: v},
					{Func: history.Add, Key: set, Arg: v},
					{Func: history.Increment, Key: counter, Arg: 1},
					{Func: history.Transfer, Key: account, Arg: account + 1, Expect: 1},
					{Func: history.Transfer, Key: account + 1, Arg: account, Expect: 1},
				} {
					try(c, m)
				}
			}
		})
	}
	all.Wait()
}

// restart kills each node, sees that it is not ready, and starts it again with its
// data.
func (s *system) restart(t *testing.T) {
	if !slices.Contains(s.info.Funcs, history.Write) {
		t.Fatal("there is no function write to see whether data came back")
	}
	for i, n := range s.cluster.Nodes() {
		if err := n.Kill(s.ctx); err != nil {
			t.Fatal(err)
		}
		ready, cancel := context.WithTimeout(s.ctx, opTimeout)
		if err := s.Ready(ready, n.Name()); err == nil {
			t.Errorf("%s is dead and ready", n.Name())
		}
		cancel()
		if err := s.Restart(s.ctx, n.Name()); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Await(s.ctx, n.Name()+" to be ready", func(ctx context.Context) error { return s.Ready(ctx, n.Name()) }); err != nil {
			t.Fatal(err)
		}
		c := s.session(t, i)
		s.do(t, c, i, history.Mop{Func: history.Write, Key: 200, Arg: history.Value(i + 1)})
	}
	if err := s.Ready(s.ctx, "no-such-node"); err == nil || !strings.Contains(err.Error(), "n1") {
		t.Errorf("a node that there is not is ready, or the error does not say which there are: %v", err)
	}
	if err := s.Restart(s.ctx, "no-such-node"); err == nil {
		t.Error("a node that there is not was restarted")
	}
}

// claim runs c and wants its model to be what it says.
// firstSeed and tries are the seeds of a claim's runs. Faults and clients meet in real time: a run that did not come upon a
// violation is followed by one with the next seed, and so is one of a promise in which too little happened for a verdict. A
// promise that is broken stands.
const (
	firstSeed = 3
	tries     = 3
)

func (d Database) claim(t *testing.T, c Claim, want checkers.Status) {
	for try := range tries {
		v, ops, out := d.try(t, c, firstSeed+uint64(try))
		if v.Status == want {
			return
		}
		said := fmt.Sprintf("seed %d: %s is %s %v on %d operations, want %s\n%s", firstSeed+try, c.Model, v.Status, v.Reasons, ops, want, logs(out))
		again := want == checkers.Violated || v.Status == checkers.Inconclusive
		if !again || try == tries-1 {
			t.Fatal(said)
		}
		t.Log(said)
	}
}

// try makes one run of a claim: the verdict on its model, how many operations it is on, and the directory of the runs.
func (d Database) try(t *testing.T, c Claim, seed uint64) (checkers.Verdict, int, string) {
	env := runs.Environment{
		Out: t.TempDir(), Cache: d.Config.Cache, Progress: harness.Silent{},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Targets: []targets.Target{d.Target},
		Providers: []providers.Entry{{Provider: sandbox.Provider{}, Auto: true}},
	}
	r := c.Request
	r.Target, r.Models, r.Seed, r.Seeded = d.Target.Info().Name, c.Model, seed, true
	planned, err := runs.Plan(t.Context(), r, env)
	if err != nil {
		t.Fatal(err)
	}
	done, err := runs.Run(t.Context(), planned, sandbox.Provider{}, "for the test", env)
	if err != nil {
		t.Fatalf("%v\n%s", err, logs(env.Out))
	}
	v, ok := done.Summary.ByModel(c.Model)
	if !ok {
		t.Fatalf("there is no verdict on %s\n%s", c.Model, logs(env.Out))
	}
	return v, done.Summary.Load.Ops, env.Out
}

// logs is the end of every node's log below the directory of the runs.
func logs(out string) string {
	files, _ := filepath.Glob(filepath.Join(out, "*", "nodes", "*", "*.log")) // none is none
	all := ""
	for _, path := range files {
		text, _ := os.ReadFile(path)
		all += fmt.Sprintf("--- %s\n%s\n", filepath.Base(filepath.Dir(path)), text[max(0, len(text)-2000):])
	}
	return all
}
