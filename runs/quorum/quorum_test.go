package quorum

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestMain runs the tests in a sandbox. Nodes of quorumkv are this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "quorumkv" {
		cmd := server.Command()
		cmd.SetArgs(os.Args[2:])
		if err := cmd.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(sandboxtest.Main(m))
}

// cellsOf are the cells of a target of the registry.
func cellsOf(ask Ask) ([]Cell, error) { return Cells(registry.All(), ask) }

func TestPredictions(t *testing.T) {
	abd := map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"}
	for _, c := range []struct {
		n, w, r               int
		options               map[string]string
		regular, linearizable Prediction
	}{
		{1, 1, 1, nil, Hold, Hold},
		{2, 1, 1, nil, MayBreak, MayBreak},
		{2, 1, 2, nil, MayBreak, MayBreak}, // 2W <= N
		{2, 1, 2, abd, Hold, Hold},
		{2, 2, 1, nil, Hold, MayBreak},
		{3, 1, 2, abd, MayBreak, MayBreak},
		{3, 2, 1, nil, MayBreak, MayBreak},
		{3, 2, 2, map[string]string{"write_timestamps": "coordinator"}, MayBreak, MayBreak}, // clocks
		{3, 2, 2, nil, Hold, MayBreak},
		{3, 2, 2, abd, Hold, Hold},
		{3, 1, 3, nil, MayBreak, MayBreak}, // 2W <= N
		{3, 3, 1, nil, Hold, MayBreak},
		{5, 3, 2, nil, MayBreak, MayBreak},
		{5, 3, 3, nil, Hold, MayBreak},
		{5, 2, 4, nil, MayBreak, MayBreak}, // 2W <= N
	} {
		cells, err := cellsOf(Ask{Target: "quorumkv", N: c.n, Options: c.options})
		if err != nil {
			t.Fatal(err)
		}
		if len(cells) != c.n*c.n {
			t.Fatalf("N=%d has %d cells", c.n, len(cells))
		}
		p := cells[(c.w-1)*c.n+c.r-1].Predicted
		if p[Regular] != c.regular || p[Linearizable] != c.linearizable || p[ReadYourWrites] != c.regular {
			t.Errorf("N=%d W=%d R=%d %v: predicted %v", c.n, c.w, c.r, c.options, p)
		}
	}
}

func TestPostgresPredictions(t *testing.T) {
	cells, err := cellsOf(Ask{Target: "postgres", N: 3})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]Prediction{
		"k=0 local primary":               predict(true, true, true),
		"k=0 local replica":               predict(false, false, false),
		"k=0 local sticky":                predict(false, true, false),
		"k=0 local wait-for-lsn":          predict(false, true, false),
		"k=2 on replica":                  predict(false, false, false),
		"k=1 remote_apply replica":        predict(false, false, false),
		"k=2 remote_apply replica":        predict(true, true, false),
		"k=1 remote_apply wait-for-lsn":   predict(false, true, false),
		"k=2 remote_apply primary":        predict(true, true, true),
		"k=3 remote_apply does not exist": nil,
	}
	for _, c := range cells {
		for m, p := range want[c.Row+" "+c.Column] {
			if c.Predicted[m] != p {
				t.Errorf("%s %s %s: predicted %s, want %s", c.Row, c.Column, m, c.Predicted[m], p)
			}
		}
	}
	if len(cells) != 5*4 {
		t.Errorf("%d cells, want 20", len(cells))
	}
}

func predict(regular, ryw, linearizable bool) map[string]Prediction {
	word := map[bool]Prediction{true: Hold, false: MayBreak}
	return map[string]Prediction{Regular: word[regular], ReadYourWrites: word[ryw], Linearizable: word[linearizable]}
}

// TestAnybodysTarget: a table needs nothing but what the target's Info says.
func TestAnybodysTarget(t *testing.T) {
	cells, err := Cells([]targets.Target{foreign{}}, Ask{Target: "foreign", N: 2, Options: map[string]string{"a": "1"}, Rate: 500})
	if err != nil || len(cells) != 1 {
		t.Fatal(cells, err)
	}
	c := cells[0]
	if !maps.Equal(c.Predicted, predict(true, false, false)) || c.longer == nil || c.Request.Rate != 10 ||
		!maps.Equal(c.Request.Options, map[string]string{"a": "1", "b": "2"}) || c.Request.WriteLevel != "w" {
		t.Errorf("%+v", c)
	}
}

// foreign is a target that the registry does not know.
type foreign struct{ targets.Target }

func (foreign) Info() targets.Info { return targets.Info{Name: "foreign", Quorums: foreign{}} }

func (foreign) Counts(targets.Config) (n, w, r int, ok bool) { return 0, 0, 0, false }

func (foreign) Cells(int, map[string]string) ([]targets.QuorumCell, error) {
	return []targets.QuorumCell{{
		Row: "w", Column: "r", WriteLevel: "w", ReadLevel: "r", Options: map[string]string{"b": "2"},
		Predicted: map[string]bool{Regular: true}, MaxRate: 10, Longer: targets.Attack{Kind: targets.AttackClocks},
	}}, nil
}

func TestBadAsks(t *testing.T) {
	for _, a := range []Ask{
		{Target: "quorumkv", N: 0},
		{Target: "quorumkv", N: 6},
		{Target: "etcd", N: 3},
		{Target: "quorumkv", N: 3, Options: map[string]string{"replication": "2"}},
		{Target: "quorumkv", N: 3, Write: "4"},
		{Target: "postgres", N: 3, Options: map[string]string{"failover": "on"}},
		{Target: "cassandra", N: 3, Options: map[string]string{"rf": "2"}},
		{Target: "dynamodb", N: 1}, // whose levels are no quorums
	} {
		if _, err := cellsOf(a); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
}

// TestExit: what broke decides the exit code where it was promised, and not where nothing was said of it; what did not
// break needs enough reads that could have been stale.
func TestExit(t *testing.T) {
	for _, c := range []struct {
		predicted Prediction
		observed  Observation
		atRisk    int
		want      int
	}{
		{Hold, Broke, minAtRisk, verdict.ExitViolated},
		{MayBreak, Broke, minAtRisk, verdict.ExitHeld},
		{"", Broke, minAtRisk, verdict.ExitHeld},
		{Hold, Thin, minAtRisk, verdict.ExitHeld},
		{Hold, Thin, minAtRisk - 1, verdict.ExitInconclusive},
		{Hold, Broke, minAtRisk - 1, verdict.ExitViolated},
	} {
		s := state{cell: &Cell{}, result: Result{AtRisk: c.atRisk, Models: map[string]Comparison{
			Linearizable: {Predicted: c.predicted, Observed: c.observed},
		}}}
		s.finish()
		table := Table{Cells: []Result{s.result}}
		if e := table.exit(); e.Code != c.want {
			t.Errorf("predicted %q, %s with %d reads: exit %+v, want %d", c.predicted, c.observed, c.atRisk, e, c.want)
		}
	}
}

// TestSplitIsolatesWriteFromRead: wherever W+R <= N each window leaves a side on
// which writes succeed, and the other is large enough for reads.
func TestSplitIsolatesWriteFromRead(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := 2; n <= MaxReplicas; n++ {
		nodes := make([]string, n)
		for i := range nodes {
			nodes[i] = fmt.Sprintf("n%d", i+1)
		}
		for w := 1; w <= n; w++ {
			for r := 1; r <= n; r++ {
				steps := split(w, r)(rnd, nodes, 4*time.Second, time.Second, 500*time.Millisecond)
				if len(steps) < 3 {
					t.Fatalf("N=%d W=%d R=%d: %d windows", n, w, r, len(steps))
				}
				for _, s := range steps {
					a, b := s.Groups[0], s.Groups[1]
					if len(a) == 0 || len(b) == 0 || len(a)+len(b) != n || len(s.Cuts) != 2*len(a)*len(b) {
						t.Fatalf("N=%d W=%d R=%d: step %+v", n, w, r, s)
					}
					apart := len(a) >= w && len(b) >= r
					if apart != (w+r <= n) {
						t.Errorf("N=%d W=%d R=%d: sides %v and %v", n, w, r, a, b)
					}
				}
			}
		}
	}
}

// TestWilson compares with the values of Brown, Cai and DasGupta's formula
// computed by hand.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 0, 0, 1},
		{0, 100, 0, 0.0370},
		{5, 10, 0.2366, 0.7634},
		{100, 100, 0.9630, 1},
		{10, 1000, 0.0054, 0.0183},
	} {
		i := Wilson(c.k, c.n)
		if math.Abs(i.Low-c.low) > 1e-4 || math.Abs(i.High-c.high) > 1e-4 {
			t.Errorf("Wilson(%d, %d) = %.4f..%.4f, want %.4f..%.4f", c.k, c.n, i.Low, i.High, c.low, c.high)
		}
	}
}

// TestOneCell takes one cell of a table.
func TestOneCell(t *testing.T) {
	cells, err := cellsOf(Ask{Target: "cassandra", N: 3, Write: "ONE", Read: "QUORUM"})
	if err != nil || len(cells) != 1 || cells[0].Row != "W=ONE" || cells[0].Column != "R=QUORUM" {
		t.Errorf("%+v, %v", cells, err)
	}
}

// TestClocksBreakWhatMeets: with 2W <= N every read meets the last write, and
// still misses it when the clocks disagree.
func TestClocksBreakWhatMeets(t *testing.T) {
	ask := Ask{Target: "quorumkv", N: 2, Write: "1", Read: "2", Duration: 1500 * time.Millisecond, Rate: 400, Seed: 5}
	cells, err := cellsOf(ask)
	if err != nil {
		t.Fatal(err)
	}
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	table, err := Run(t.Context(), ask, cells, sandbox.Provider{}, "", env, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := table.Cells[0].Models[Regular]; o.Predicted != MayBreak || o.Observed != Broke {
		t.Errorf("W=1 R=2 of 2: %+v", table.Cells[0])
	}
}

// TestTwoCells runs one cell that breaks and one that does not.
func TestTwoCells(t *testing.T) {
	ask := Ask{Target: "quorumkv", N: 2, Duration: 2 * time.Second, Rate: 500, Seed: 5}
	cells, err := cellsOf(ask)
	if err != nil {
		t.Fatal(err)
	}
	env := runs.Environment{Targets: registry.All(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
	table, err := Run(t.Context(), ask, []Cell{cells[0], cells[3]}, sandbox.Provider{}, "", env, nil)
	if err != nil {
		t.Fatal(err)
	}
	weak, strong := table.Cells[0], table.Cells[1]
	if o := weak.Models[Regular]; o.Observed != Broke || o.Witness == "" || weak.Stale == 0 || weak.Rate95.Low <= 0 {
		t.Errorf("W=1 R=1 of 2: %+v", weak)
	}
	if o := strong.Models[Regular]; o.Observed != Held || strong.Stale != 0 || strong.AtRisk < minAtRisk {
		t.Errorf("W=2 R=2 of 2: %+v", strong)
	}
	if strong.Served.WritesInFault.Availability() > 0.5 || weak.Served.WritesInFault.Availability() < 0.9 {
		t.Errorf("writes in faults: W=1 %.2f, W=2 %.2f", weak.Served.WritesInFault.Availability(), strong.Served.WritesInFault.Availability())
	}
	if table.Exit.Code != 0 {
		t.Errorf("exit %+v", table.Exit)
	}
	if !slices.Equal(table.Rows, []string{"W=1 ONE", "W=2 QUORUM ALL"}) {
		t.Errorf("rows %v", table.Rows)
	}
}
