package runs

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// notes is a Progress that keeps what is noted.
type notes struct {
	harness.Silent
	mu  sync.Mutex
	all []string
}

func (n *notes) Note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, text)
}

func (n *notes) has(word string) bool {
	return strings.Contains(strings.Join(n.all, "\n"), word)
}

// watched carries out a run of the store with a defect, or without one.
func watched(t *testing.T, defect string, stop bool, duration time.Duration) (*Finished, *notes) {
	t.Helper()
	var r Request
	for _, c := range SelftestCases(duration) {
		if c.Defect == "stale-cache" {
			r = c.Request
		}
	}
	if defect != "" {
		r.Options = correct(map[string]string{"defects": defect})
	}
	r.Seed, r.Seeded, r.StopOnViolation = 1, true, stop
	said := &notes{}
	env := testEnvironment(t)
	env.Progress = said
	f, err := runRequest(t.Context(), r, 3, sandbox.Provider{}, "", env)
	if err != nil {
		t.Fatal(err)
	}
	return f, said
}

// TestStopOnViolation: a run of ten minutes with a defect ends at its first violation, with
// the verdict that it has then; without a defect it goes on to its end; and without the
// setting it goes on after a violation.
func TestStopOnViolation(t *testing.T) {
	const ended = "the load ends at this violation"
	f, said := watched(t, "stale-cache", true, 10*time.Minute)
	if !said.has("violation found: linearizable") && !said.has("violation found: read-your-writes") || !said.has(ended) {
		t.Errorf("noted %q", said.all)
	}
	if f.Summary.Status != checkers.Violated || f.Report.Interrupted {
		t.Errorf("%s, interrupted %v", f.Summary.Status, f.Report.Interrupted)
	}

	f, said = watched(t, "", true, 3*time.Second)
	if said.has("violation found") || said.has(ended) {
		t.Errorf("a correct store: %q", said.all)
	}
	if f.Summary.Status != checkers.Held {
		t.Errorf("a correct store is %s", f.Summary.Status)
	}

	f, said = watched(t, "stale-cache", false, 3*time.Second)
	if !said.has("violation found") || said.has(ended) {
		t.Errorf("without the setting: %q", said.all)
	}
	if f.Summary.Status != checkers.Violated {
		t.Errorf("without the setting: %s", f.Summary.Status)
	}
}
