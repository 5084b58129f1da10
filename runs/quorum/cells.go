package quorum

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// MaxReplicas is the largest N of a table.
const MaxReplicas = 5

// Ask is what a table is asked for.
type Ask struct {
	// Target is the name of a target whose Info has Quorums.
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
	// Predicted has a prediction for each model; Because says why. Of a model that it
	// lacks nothing is said: it is not promised, and no run looks for its violation.
	Predicted map[string]Prediction
	Because   string
	attack    attack
	// longer is the attack of the second, longer run; nil is attack again.
	longer attack
}

// Cells are the cells of the table of the target that is asked for, one of known, row by
// row: what its Info says of its levels. Its errors are *targets.UsageError.
func Cells(known []targets.Target, ask Ask) ([]Cell, error) {
	if ask.N < 1 || ask.N > MaxReplicas {
		return nil, targets.Usagef("--n %d: must be 1 to %d replicas", ask.N, MaxReplicas)
	}
	target, err := targets.ByName(known, ask.Target)
	if err != nil {
		return nil, err
	}
	info := target.Info()
	if info.Quorums == nil {
		return nil, targets.Usagef("--target %s: it does not say how its levels meet, so that there is no table of them; these do: %s", info.Name, strings.Join(Targets(known), ", "))
	}
	said, err := info.Quorums.Cells(ask.N, ask.Options)
	if err != nil {
		return nil, err
	}
	var cells []Cell
	for i := range said {
		cells = append(cells, ask.cell(&said[i]))
	}
	return only(ask, cells)
}

// Targets are the names of the known targets that have a table.
func Targets(known []targets.Target) []string {
	var out []string
	for _, t := range known {
		if info := t.Info(); info.Quorums != nil {
			out = append(out, info.Name)
		}
	}
	return out
}

// cell is what a target says of a pair of levels, with the run that tries it.
func (a Ask) cell(said *targets.QuorumCell) Cell {
	c := Cell{
		Row: said.Row, Column: said.Column, Because: said.Because, Predicted: map[string]Prediction{},
		attack: attackOf(said.Attack),
	}
	if said.Longer.Kind != targets.AttackNone {
		c.longer = attackOf(said.Longer)
	}
	for _, m := range Models() {
		c.Predicted[m] = MayBreak
		if said.Predicted[m] {
			c.Predicted[m] = Hold
		}
	}
	options := maps.Clone(a.Options)
	if options == nil {
		options = map[string]string{}
	}
	maps.Copy(options, said.Options)
	rate := a.Rate
	if said.MaxRate > 0 {
		rate = min(rate, said.MaxRate)
	}
	c.Request = runs.Request{
		Target: a.Target, Provider: a.Provider, Nodes: a.N, Options: options,
		WriteLevel: said.WriteLevel, ReadLevel: said.ReadLevel,
		Workload: named.Session, Rate: rate, Duration: a.Duration,
		OpTimeout: time.Second, Settle: 200 * time.Millisecond,
		Seed: a.Seed, Seeded: true,
	}
	return c
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
