package cassandra

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

func oneCentre(nodes, rf int) topology { return topology{nodes: nodes, dcs: 1, rf: rf, vnodes: 4} }
func twoCentres(nodes, rf int) topology {
	return topology{nodes: nodes, dcs: 2, rf: rf, vnodes: 4}
}

func TestParseLevel(t *testing.T) {
	three := oneCentre(3, 3)
	for _, c := range []struct {
		name string
		read bool
		top  topology
		want string // part of the error, empty if it is served
	}{
		{"ANY", false, three, ""},
		{"ANY", true, three, "for writes only"},
		{"ONE", true, three, ""},
		{"TWO", true, oneCentre(3, 2), ""},
		{"TWO", true, oneCentre(3, 1), "use a level up to ONE"},
		{"THREE", false, three, ""},
		{"THREE", false, oneCentre(3, 2), "THREE needs 3 replicas, and there are 2 (rf=2 in one data centre)"},
		{"THREE", true, twoCentres(4, 2), ""},
		{"THREE", true, twoCentres(2, 1), "there are 2 (rf=1 in each of 2 data centres)"},
		{"QUORUM", true, three, ""},
		{"ALL", false, three, ""},
		{"LOCAL_ONE", true, three, ""},
		{"LOCAL_QUORUM", false, three, ""},
		{"EACH_QUORUM", true, three, ""},
		{"EACH_QUORUM", false, three, ""},
		{"SERIAL", true, three, ""},
		{"SERIAL", false, three, ""},
		{"LOCAL_SERIAL", true, three, ""},
		{"LOCAL_SERIAL", false, three, ""},
		{"quorum", true, three, "did you mean QUORUM?"},
		{"MOST", true, three, "no such consistency level; for reads there are: QUORUM, ONE,"},
		{"", true, three, ""},
	} {
		l, err := parseLevel(c.name, c.read, c.top)
		if c.want == "" {
			if err != nil || c.name != "" && l.name != c.name || c.name == "" && l.name != defaultLevel {
				t.Errorf("%q: %+v, %v", c.name, l, err)
			}
			continue
		}
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with rf=%d: %v, want %q", c.name, c.top.rf, err, c.want)
		}
	}
}

// TestLevelNumbers holds the levels to gocql's own names of them.
func TestLevelNumbers(t *testing.T) {
	for _, l := range levels {
		got := l.cql.String()
		if l.serial {
			got = gocql.SerialConsistency(l.cql).String()
		}
		if got != l.name {
			t.Errorf("%s is %s on the wire", l.name, got)
		}
	}
}

// TestMeetIsArithmetic holds meet to W+R > RF, which is all of it in one data
// centre.
func TestMeetIsArithmetic(t *testing.T) {
	for rf := 1; rf <= 5; rf++ {
		top := oneCentre(5, rf)
		need := func(l level) int {
			switch l.name {
			case "ANY":
				return 0
			case "ONE", "LOCAL_ONE":
				return 1
			case "TWO":
				return 2
			case "THREE":
				return 3
			case "ALL":
				return rf
			}
			return rf/2 + 1
		}
		for _, w := range levels {
			for _, r := range levels {
				if need(w) > rf || need(r) > rf {
					continue
				}
				if got, want := meet(w, r, top), need(w)+need(r) > rf; got != want {
					t.Errorf("rf=%d W=%s R=%s: meet is %v", rf, w.name, r.name, got)
				}
			}
		}
	}
}

// TestMeetAcrossCentres has the cases that plain counting gets wrong.
func TestMeetAcrossCentres(t *testing.T) {
	find := func(name string) level {
		for _, l := range levels {
			if l.name == name {
				return l
			}
		}
		t.Fatalf("no level %s", name)
		return level{}
	}
	for _, c := range []struct {
		w, r string
		rf   int
		want bool
	}{
		{"LOCAL_QUORUM", "LOCAL_QUORUM", 2, false},
		{"EACH_QUORUM", "LOCAL_QUORUM", 2, true},
		{"LOCAL_QUORUM", "EACH_QUORUM", 2, true},
		{"EACH_QUORUM", "LOCAL_ONE", 2, true}, // a quorum of two is both
		{"EACH_QUORUM", "LOCAL_ONE", 3, false},
		{"EACH_QUORUM", "ONE", 3, false},
		{"QUORUM", "QUORUM", 2, true},
		{"QUORUM", "LOCAL_QUORUM", 2, true},  // 3 of 4 leave no two in one data centre
		{"QUORUM", "LOCAL_QUORUM", 3, false}, // 4 of 6 can be 3 there and 1 here
		{"LOCAL_QUORUM", "ALL", 2, true},
		{"ALL", "LOCAL_ONE", 2, true},
		{"TWO", "THREE", 2, true},
		{"TWO", "THREE", 3, false},
		{"SERIAL", "SERIAL", 2, true},
		{"LOCAL_SERIAL", "LOCAL_SERIAL", 2, false},
		{"ANY", "ALL", 2, false},
	} {
		if got := meet(find(c.w), find(c.r), twoCentres(2*c.rf, c.rf)); got != c.want {
			t.Errorf("rf=%d twice, W=%s R=%s: meet is %v", c.rf, c.w, c.r, got)
		}
	}
}

// plainFuncs are what a client does that compares and sets nothing.
var plainFuncs = []history.Func{history.Read, history.Write}

// TestPromisesOfOperations: what is promised depends on what is done.
func TestPromisesOfOperations(t *testing.T) {
	all := []history.Func{history.Read, history.Write, history.CAS, history.Delete}
	for _, c := range []struct {
		w, r         string
		funcs        []history.Func
		regular, lin bool
	}{
		{"QUORUM", "QUORUM", plainFuncs, true, false},
		{"QUORUM", "QUORUM", all, false, false}, // past Paxos and through it
		{"SERIAL", "SERIAL", all, true, true},
		{"QUORUM", "SERIAL", []history.Func{history.Read, history.CAS}, true, true},
		{"ONE", "SERIAL", []history.Func{history.Read, history.CAS}, true, true},
		{"ONE", "ONE", []history.Func{history.Read, history.CAS}, false, false},
	} {
		cfg, err := Target{}.Resolve(targets.Config{WriteLevel: c.w, ReadLevel: c.r})
		must(t, err)
		p := Target{}.Promises(cfg, c.funcs)
		if p["regular"] != c.regular || p["linearizable"] != c.lin {
			t.Errorf("W=%s R=%s %v: regular %v, linearizable %v", c.w, c.r, c.funcs, p["regular"], p["linearizable"])
		}
	}
	cfg, err := Target{}.Resolve(targets.Config{})
	must(t, err)
	if p := (Target{}).Promises(cfg, []history.Func{history.Append, history.ReadList}); p != nil {
		t.Errorf("of lists it says %v", p)
	}
}

// TestPromises has pairs of configurations that differ in one thing.
func TestPromises(t *testing.T) {
	const regular, monotonic, linearizable = "regular", "monotonic-reads", "linearizable"
	for _, c := range []struct {
		nodes   int
		w, r    string
		options string
		model   string
		want    bool
	}{
		{3, "QUORUM", "QUORUM", "", regular, true},
		{3, "QUORUM", "QUORUM", "", linearizable, false},
		{3, "QUORUM", "ONE", "", regular, false},
		{3, "ONE", "QUORUM", "", regular, false},
		{3, "ONE", "ALL", "", regular, true},
		{3, "ALL", "ONE", "", regular, true},
		{3, "ANY", "ALL", "", regular, false},
		{3, "TWO", "TWO", "", regular, true},
		{3, "QUORUM", "QUORUM", "timestamps=coordinator", regular, false},
		{3, "QUORUM", "QUORUM", "commitlog_sync=periodic", regular, false},
		{3, "QUORUM", "QUORUM", "commitlog_sync=group", regular, true},
		{3, "QUORUM", "QUORUM", "", monotonic, true},
		{3, "QUORUM", "QUORUM", "read_repair=NONE", monotonic, false},
		{3, "QUORUM", "QUORUM", "read_repair=NONE", regular, true},
		{3, "QUORUM", "ALL", "read_repair=NONE", monotonic, true},
		{3, "QUORUM", "ONE", "", monotonic, false},
		{3, "SERIAL", "SERIAL", "", linearizable, true},
		{3, "SERIAL", "QUORUM", "", linearizable, false},
		{3, "QUORUM", "SERIAL", "", linearizable, false},
		{3, "LOCAL_SERIAL", "LOCAL_SERIAL", "", linearizable, true},
		{4, "LOCAL_SERIAL", "LOCAL_SERIAL", "dcs=2", linearizable, false},
		{4, "SERIAL", "SERIAL", "dcs=2", linearizable, true},
		{4, "LOCAL_QUORUM", "LOCAL_QUORUM", "dcs=2", regular, false},
		{4, "EACH_QUORUM", "LOCAL_QUORUM", "dcs=2", regular, true},
	} {
		cfg := targets.Config{Nodes: c.nodes, WriteLevel: c.w, ReadLevel: c.r, Options: map[string]string{}}
		if name, value, ok := strings.Cut(c.options, "="); ok {
			cfg.Options[name] = value
		}
		cfg, err := Target{}.Resolve(cfg)
		must(t, err)
		if got := (Target{}).Promises(cfg, plainFuncs)[c.model]; got != c.want {
			t.Errorf("%d nodes, W=%s R=%s %s: %s promised: %v", c.nodes, c.w, c.r, c.options, c.model, got)
		}
	}
}

// TestLossesAreNotPromised: where acknowledged writes are known to go under that is said, and
// elsewhere it follows from regular, or nothing is said of it.
func TestLossesAreNotPromised(t *testing.T) {
	const silent, no = "silent", "no"
	swaps := []history.Func{history.Read, history.Write, history.CAS}
	for _, c := range []struct {
		w, r, options string
		funcs         []history.Func
		want          string
	}{
		{"QUORUM", "QUORUM", "", plainFuncs, silent}, // regular implies it
		{"ONE", "ONE", "", plainFuncs, silent},
		{"ANY", "ALL", "", plainFuncs, no},
		{"QUORUM", "QUORUM", "timestamps=coordinator", plainFuncs, no},
		{"QUORUM", "QUORUM", "commitlog_sync=periodic", plainFuncs, no},
		{"SERIAL", "SERIAL", "timestamps=coordinator", plainFuncs, silent}, // Paxos has timestamps of its own
		{"SERIAL", "SERIAL", "", swaps, silent},
		{"QUORUM", "SERIAL", "", swaps, no}, // past Paxos and through it
	} {
		cfg := targets.Config{Nodes: 3, WriteLevel: c.w, ReadLevel: c.r, Options: map[string]string{}}
		if name, value, ok := strings.Cut(c.options, "="); ok {
			cfg.Options[name] = value
		}
		cfg, err := Target{}.Resolve(cfg)
		must(t, err)
		got := silent
		if promised, said := (Target{}).Promises(cfg, c.funcs)["no-lost-writes"]; said && !promised {
			got = no
		} else if said {
			got = "yes"
		}
		if got != c.want {
			t.Errorf("W=%s R=%s %s, %v: no-lost-writes is promised: %s, want %s", c.w, c.r, c.options, c.funcs, got, c.want)
		}
	}
}

// TestPromisesImply checks the table against what implies what, for every pair of
// levels and everything that changes a promise.
func TestPromisesImply(t *testing.T) {
	tried := 0
	for _, option := range []string{"", "timestamps=coordinator", "commitlog_sync=periodic", "read_repair=NONE", "rf=1", "dcs=2"} {
		for _, w := range names(false) {
			for _, r := range names(true) {
				cfg := targets.Config{Nodes: 4, WriteLevel: w, ReadLevel: r, Options: map[string]string{}}
				if name, value, ok := strings.Cut(option, "="); ok {
					cfg.Options[name] = value
				}
				cfg, err := Target{}.Resolve(cfg)
				if err != nil {
					continue // rf=1 has no TWO
				}
				tried++
				p := Target{}.Promises(cfg, plainFuncs)
				for stronger, weaker := range map[string][]string{
					"linearizable": {"sequential", "regular", "read-your-writes", "monotonic-reads", "writes-follow-reads", "eventual"},
					"regular":      {"safe", "read-your-writes", "monotonic-writes"},
				} {
					for _, m := range weaker {
						if p[stronger] && !p[m] {
							t.Errorf("W=%s R=%s %s: %s without %s", w, r, option, stronger, m)
						}
					}
				}
			}
		}
	}
	if tried < 400 {
		t.Errorf("only %d configurations were tried", tried)
	}
}

func TestResolveRefuses(t *testing.T) {
	for _, c := range []struct {
		nodes int
		set   string
		want  string
	}{
		{6, "", "1 to 5"},
		{-1, "", "1 to 5"},
		{3, "rf=4", "use rf=3 or at least 4 nodes"},
		{3, "rf=0", "want a number from 1 to 3"},
		{3, "rf=x", "want a number from 1 to 3"},
		{1, "dcs=2", "name at least 2"},
		{5, "dcs=3", "must be one of 1, 2"},
		{3, "num_tokens=0", "want a number from 1 to 256"},
		{3, "num_tokens=257", "want a number from 1 to 256"},
		{3, "speculative_retry=sometimes", "want NEVER, ALWAYS"},
		{3, "speculative_retry='; DROP KEYSPACE lapse", "want NEVER, ALWAYS"},
		{3, "read_repair=ASYNC", "must be one of BLOCKING, NONE"},
		{3, "heap=64", "want a number from 256"},
		{3, "phi_convict_threshold=1", "want a number from 5"},
		{3, "colour=red", "no such option"},
	} {
		cfg := targets.Config{Nodes: c.nodes, Options: map[string]string{}}
		if name, value, ok := strings.Cut(c.set, "="); ok {
			cfg.Options[name] = value
		}
		_, err := Target{}.Resolve(cfg)
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d nodes, %s: %v, want %q", c.nodes, c.set, err, c.want)
		}
	}
	if _, err := (Target{}).Resolve(targets.Config{OpTimeout: 1000}); err == nil || !strings.Contains(err.Error(), "at least 100ms") {
		t.Errorf("a microsecond's timeout: %v", err)
	}
	_, err := Target{}.Resolve(targets.Config{Nodes: 4, Options: map[string]string{"dcs": "2", "rf": "3"}})
	if err == nil || !strings.Contains(err.Error(), "use rf=2 or at least 6 nodes") {
		t.Errorf("rf=3 in two data centres of two: %v", err)
	}
}

// TestResolveCompletes: defaults are filled in, and resolving again changes
// nothing.
func TestResolveCompletes(t *testing.T) {
	for nodes, rf := range map[int]string{0: "3", 1: "1", 2: "2", 5: "3"} {
		once, err := Target{}.Resolve(targets.Config{Nodes: nodes})
		must(t, err)
		if once.Options["rf"] != rf || once.ReadLevel != defaultLevel || once.WriteLevel != defaultLevel || once.Nodes == 0 || once.OpTimeout == 0 {
			t.Errorf("%d nodes: %+v", nodes, once)
		}
		twice, err := Target{}.Resolve(once)
		must(t, err)
		if fmt.Sprint(once) != fmt.Sprint(twice) {
			t.Errorf("%d nodes: resolved twice it is %+v", nodes, twice)
		}
	}
}

func FuzzSpeculativeRetry(f *testing.F) {
	for _, s := range []string{"99p", "NEVER", "50ms", "99.9PERCENTILE", "'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if speculativeRetry.MatchString(s) && strings.ContainsAny(s, "'\";\n ") {
			t.Errorf("%q would break out of its quotes", s)
		}
	})
}
