package quorum

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/registry"
)

// MaxReplicas is the largest N of a table.
const MaxReplicas = 5

// Ask is what a table is asked for.
type Ask struct {
	// Target is quorumkv, postgres or cassandra.
	Target string
	// N is the number of replicas, which is that of the nodes.
	N int
	// Options are settings of the target for all cells.
	Options map[string]string
	// Write and Read restrict the table to one write or read level; empty is all.
	Write, Read string
	// Provider is where nodes run, empty for automatic.
	Provider string
	// Duration is how long the load of each cell's first run lasts; the second
	// one, where there is one, lasts twice as long.
	Duration time.Duration
	Rate     float64
	Seed     uint64
}

// The defaults of an Ask.
const (
	DefaultDuration = 4 * time.Second
	DefaultRate     = 600
)

// Cell is one pair of levels with what the theory says of it.
type Cell struct {
	// Row and Column are the write and the read level as the table names them.
	Row, Column string
	Request     runs.Request
	// Predicted has a prediction for each model; Because says why.
	Predicted map[string]Prediction
	Because   string
	attack    attack
	// longer is the attack of the second, longer run; nil is attack again.
	longer attack
}

// Cells are the cells of a table, row by row. Its errors are *targets.UsageError.
func Cells(ask Ask) ([]Cell, error) {
	if ask.N < 1 || ask.N > MaxReplicas {
		return nil, targets.Usagef("--n %d: must be 1 to %d replicas", ask.N, MaxReplicas)
	}
	switch ask.Target {
	case "quorumkv":
		return quorumkvCells(ask)
	case "postgres":
		return postgresCells(ask)
	case "cassandra":
		return cassandraCells(ask)
	}
	return nil, targets.Usagef("--target %s: lapse knows what quorums promise for quorumkv, postgres and cassandra", ask.Target)
}

func (a Ask) request(options map[string]string) runs.Request {
	o := maps.Clone(a.Options)
	if o == nil {
		o = map[string]string{}
	}
	maps.Copy(o, options)
	return runs.Request{
		Target: a.Target, Provider: a.Provider, Nodes: a.N, Options: o,
		Workload: "session", Rate: a.Rate, Duration: a.Duration,
		OpTimeout: time.Second, Settle: 200 * time.Millisecond,
		Seed: a.Seed, Seeded: true,
	}
}

// counts is the arithmetic of W and R.
func counts(n, w, r int) (meet bool, because string) {
	if w+r > n {
		return true, fmt.Sprintf("W+R = %d > N = %d: every read asks a replica that has the last acknowledged write", w+r, n)
	}
	return false, fmt.Sprintf("W+R = %d <= N = %d: a read may ask only replicas that the last acknowledged write did not reach", w+r, n)
}

func predict(regular, ryw, linearizable bool) map[string]Prediction {
	word := func(b bool) Prediction {
		if b {
			return Hold
		}
		return MayBreak
	}
	return map[string]Prediction{Regular: word(regular), ReadYourWrites: word(ryw), Linearizable: word(linearizable)}
}

func quorumkvCells(ask Ask) ([]Cell, error) {
	if _, ok := ask.Options["replication"]; ok {
		return nil, targets.Usagef("--set replication: the table sets it itself; use --n")
	}
	var cells []Cell
	for w := 1; w <= ask.N; w++ {
		stamps := timestamps(ask, w)
		// A write whose timestamp comes after all that a quorum knows, and a read
		// that writes back what it saw before it answers: Attiya, Bar-Noy and Dolev.
		abd := ask.Options["read_repair"] == "blocking" && stamps == "quorum"
		for r := 1; r <= ask.N; r++ {
			c := Cell{Row: "W=" + named(w, ask.N), Column: "R=" + named(r, ask.N)}
			c.Request = ask.request(map[string]string{"replication": strconv.Itoa(ask.N), "write_timestamps": stamps})
			c.Request.WriteLevel, c.Request.ReadLevel = strconv.Itoa(w), strconv.Itoa(r)
			meet, because := counts(ask.N, w, r)
			ordered := stamps == "quorum" || ask.N == 1
			switch {
			case ordered || !meet:
			case 2*w <= ask.N:
				// Gifford's second condition (weighted voting, 1979).
				because += fmt.Sprintf("; but 2W = %d <= N: two writes, one after the other, may meet on no replica, and only clocks tell which is the last one", 2*w)
			default:
				because += "; but the coordinator of a write need not have seen the one before, and then only clocks tell which is the last one"
			}
			c.Predicted = predict(meet && ordered, meet && ordered, ask.N == 1 || meet && abd)
			c.Because = because
			c.attack = split(w, r)
			if meet && !ordered {
				c.longer = bend
			}
			cells = append(cells, c)
		}
	}
	return only(ask, cells)
}

// timestamps are where the writes of a row take their timestamps from, unless the
// user says it: from a quorum where W is one, which is the store's own default and
// asks no more replicas than the write needs anyway. A smaller W with it would need
// more of them, and would no longer be that W.
func timestamps(ask Ask, w int) string {
	switch given := ask.Options["write_timestamps"]; {
	case given != "":
		return given
	case 2*w > ask.N:
		return "quorum"
	}
	return "coordinator"
}

// named is a count of replicas with the names that quorumkv has for it.
func named(k, n int) string {
	names := []string{strconv.Itoa(k)}
	for _, l := range []struct {
		name  string
		count int
	}{{"ONE", 1}, {"QUORUM", n/2 + 1}, {"ALL", n}} {
		if l.count == k {
			names = append(names, l.name)
		}
	}
	return strings.Join(names, " ")
}

// only are the cells of the levels that were asked for.
func only(ask Ask, cells []Cell) ([]Cell, error) {
	out := slices.DeleteFunc(slices.Clone(cells), func(c Cell) bool {
		return ask.Write != "" && c.Request.WriteLevel != ask.Write || ask.Read != "" && c.Request.ReadLevel != ask.Read
	})
	if len(out) > 0 {
		return out, nil
	}
	var have []string
	for i := range cells {
		have = append(have, cells[i].Request.WriteLevel+"/"+cells[i].Request.ReadLevel)
	}
	return nil, targets.Usagef("--write-level %s --read-level %s: no cell of this table; it has, as write/read: %s", ask.Write, ask.Read, strings.Join(have, ", "))
}

// postgresCells has a row for each number k of synchronous standbys and what a
// commit waits for on them, and a column for each way to read.
func postgresCells(ask Ask) ([]Cell, error) {
	for _, fixed := range []string{"sync", "failover"} {
		if _, ok := ask.Options[fixed]; ok {
			return nil, targets.Usagef("--set %s: the table sets it itself, or it would change what is promised", fixed)
		}
	}
	standbys := ask.N - 1
	type row struct {
		name, level, sync string
		k                 int
		applied           bool
	}
	rows := []row{{"k=0 local", "local", "none", 0, false}}
	for k := 1; k <= standbys; k++ {
		sync := "any:" + strconv.Itoa(k)
		rows = append(rows,
			row{fmt.Sprintf("k=%d on", k), "on", sync, k, false},
			row{fmt.Sprintf("k=%d remote_apply", k), "remote_apply", sync, k, true})
	}
	columns := []string{"primary"}
	if standbys > 0 {
		columns = append(columns, "replica", "sticky", "wait-for-lsn")
	}
	var cells []Cell
	for _, r := range rows {
		for _, column := range columns {
			c := Cell{Row: r.name, Column: column}
			c.Request = ask.request(map[string]string{"sync": r.sync})
			c.Request.WriteLevel, c.Request.ReadLevel = r.level, column
			everywhere := r.applied && r.k == standbys
			switch {
			case column == "primary":
				c.Predicted = predict(true, true, true)
				c.Because = "one node takes the writes and answers the reads"
			case everywhere:
				c.Predicted = predict(true, true, false)
				c.Because = "a commit is acknowledged when every standby shows it; but one standby may show it before another"
			default:
				c.Predicted = predict(false, column != "replica", false)
				c.Because = fmt.Sprintf("a commit waits for %d of %d standbys to apply it, so that a read may ask one that has not", map[bool]int{true: r.k}[r.applied], standbys)
				switch column {
				case "sticky":
					c.Because += "; a session reads from the primary for a time after its own writes"
				case "wait-for-lsn":
					c.Because += "; a session waits for its own last commit"
				}
			}
			c.attack = holdBack
			if standbys == 0 {
				c.attack = nothing
			}
			cells = append(cells, c)
		}
	}
	return only(ask, cells)
}

// cassandraCells takes the promises from the target itself.
func cassandraCells(ask Ask) ([]Cell, error) {
	levels := []struct {
		name  string
		count int
	}{{"ONE", 1}, {"TWO", 2}, {"QUORUM", ask.N/2 + 1}, {"ALL", ask.N}}
	var cells []Cell
	for _, w := range levels {
		for _, r := range levels {
			// TWO of three is QUORUM, of two ALL.
			if w.count > ask.N || r.count > ask.N || w.name == "TWO" && ask.N <= 3 || r.name == "TWO" && ask.N <= 3 {
				continue
			}
			c := Cell{Row: "W=" + w.name, Column: "R=" + r.name}
			c.Request = ask.request(map[string]string{"rf": strconv.Itoa(ask.N)})
			c.Request.WriteLevel, c.Request.ReadLevel = w.name, r.name
			c.Request.Rate = min(c.Request.Rate, 300)
			promised, err := promises(c.Request)
			if err != nil {
				return nil, err
			}
			c.Predicted = predict(promised[Regular], promised[ReadYourWrites], promised[Linearizable])
			meet, because := counts(ask.N, w.count, r.count)
			c.Because, c.attack = because, split(w.count, r.count)
			if meet && !promised[Regular] {
				c.longer = bend // timestamps of the coordinators
			}
			cells = append(cells, c)
		}
	}
	return only(ask, cells)
}

func promises(r runs.Request) (map[string]bool, error) {
	t, err := registry.ByName(r.Target)
	if err != nil {
		return nil, err
	}
	cfg, err := t.Resolve(targets.Config{Nodes: r.Nodes, WriteLevel: r.WriteLevel, ReadLevel: r.ReadLevel, Options: r.Options, OpTimeout: r.OpTimeout})
	if err != nil {
		return nil, err
	}
	p, ok := t.(targets.Promiser)
	if !ok {
		return nil, fmt.Errorf("target %s does not say what it promises", r.Target)
	}
	return p.Promises(cfg, []history.Func{history.Read, history.Write}), nil
}

// Rows and Columns are the names in the order of the cells.
func Rows(cells []Cell) []string {
	return names(cells, func(c *Cell) string { return c.Row })
}

// Columns are the names of the read levels in the order of the cells.
func Columns(cells []Cell) []string {
	return names(cells, func(c *Cell) string { return c.Column })
}

func names(cells []Cell, of func(*Cell) string) []string {
	var out []string
	for i := range cells {
		if n := of(&cells[i]); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
