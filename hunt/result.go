package hunt

import (
	"fmt"
	"time"

	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/runs"
)

// Result has the findings of a hunt and what they rest on.
type Result struct {
	// Seed is that of the Options, Elapsed the time that the hunt took; Interrupted says that
	// its context ended it.
	Seed        uint64        `json:"seed"`
	Elapsed     time.Duration `json:"elapsed_ns"`
	Interrupted bool          `json:"interrupted,omitempty"`
	// Runs are those of the search, Replays those that made findings smaller; Fruitless are
	// those that went wrong, and runs of the search that are no evidence, with the last reason.
	Runs      int    `json:"runs"`
	Replays   int    `json:"replays"`
	Fruitless int    `json:"fruitless"`
	Trouble   string `json:"trouble,omitempty"`
	// Findings are in the order in which they were found.
	Findings []*Finding `json:"findings"`
	// Models are those that were hunted.
	Models []Tally `json:"models"`
	// Covered counts for each fault and state the runs that had it.
	Covered []Covered `json:"covered"`
	// Curve is how many kinds of behaviour were known after how many runs.
	Curve    []Point  `json:"curve"`
	Estimate Estimate `json:"estimate"`
}

// Finding is a kind of violation with the plan that shows it.
type Finding struct {
	Kind
	// Sentence is that of the first violation of the plan's run, Promise that of the model.
	Sentence string  `json:"sentence"`
	Promise  Promise `json:"promise,omitempty"`
	// Known says that it was no news.
	Known bool `json:"known,omitempty"`
	// Also are other models that the same run violated.
	Also []string `json:"also,omitempty"`
	// Found is the number of the run that showed it first, After how long that took; Times is
	// how many runs of the search showed it.
	Found int           `json:"found"`
	After time.Duration `json:"after_ns"`
	Times int           `json:"times"`
	// Run is the identifier of the run whose plan was made small: that one, unless no replay of it showed the violation.
	Run string `json:"run,omitempty"`
	// Shrunk has the smaller plan, nil where none was looked for.
	Shrunk *Shrunk `json:"shrunk,omitempty"`
	// Plan is the smallest plan that shows it.
	Plan *runs.Planned `json:"-"`

	// reached is Seen.Reached of that run.
	reached time.Duration
}

// SavePlans writes the smallest plan of each finding into dir, and returns the paths in the
// order of the findings.
func (r *Result) SavePlans(dir store.Dir) ([]string, error) {
	var out []string
	for i, f := range r.Findings {
		plan, err := f.Plan.Plan.Encode()
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("plan-%d.json", i+1)
		if err := dir.WriteFile(name, plan); err != nil {
			return nil, err
		}
		out = append(out, dir.File(name))
	}
	return out, nil
}

// Tally counts the verdicts of a model over all runs of a search.
type Tally struct {
	// Model is its name.
	Model string `json:"model"`
	// Held and Violated count runs; AtRisk is the reads of all of them that could have
	// shown a violation.
	Held     int `json:"held"`
	Violated int `json:"violated"`
	AtRisk   int `json:"at_risk"`
}
