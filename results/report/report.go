// Package report writes the report of one run: a single HTML file that needs no
// network and no server, says the verdict first and shows the proof. The first
// part, with witnesses, charts and fault log, is drawn in Go and readable
// without scripts; a script adds the timeline of all operations.
//
// Nothing here can change a verdict: a report is drawn from what is on disk.
package report

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
)

// Source is the data from which a report is drawn.
type Source struct {
	Summary store.Summary
	// Plan is nil if the run directory has none.
	Plan *harness.Plan
	// History is nil if there is none or it cannot be read; Warnings say why. The operations of a large one are on disk.
	History  history.Ordered
	Warnings []string

	done func() error
}

// Close lets go of the history.
func (s *Source) Close() error {
	if s.done == nil {
		return nil
	}
	return s.done()
}

// Load reads a run directory, and Close lets go of it. What cannot be read besides the summary becomes a
// warning in the report.
func Load(dir store.Dir) (*Source, error) {
	s := &Source{}
	if err := dir.ReadJSON(store.FileRun, &s.Summary); err != nil {
		return nil, fmt.Errorf("drawing a report: %w", err)
	}
	s.Summary.State = dir.StateOf(&s.Summary)
	plan, err := harness.ReadPlan(dir.File(store.FilePlan))
	switch {
	case err == nil:
		s.Plan = plan
	case !errors.Is(err, fs.ErrNotExist):
		s.Warnings = append(s.Warnings, "The plan cannot be read: "+err.Error())
	}
	h, done, err := dir.Ordered()
	switch {
	case err == nil:
		s.History, s.done = h, done
	case errors.Is(err, fs.ErrNotExist):
		s.Warnings = append(s.Warnings, "The run kept no history, so there are no operations to show.")
	default:
		s.Warnings = append(s.Warnings, "The history cannot be read, so there are no operations to show: "+err.Error())
	}
	if s.History != nil {
		if s.History.About().Torn {
			s.Warnings = append(s.Warnings, "The history ends in the middle: the run was killed, or goes on. Operations that were open then are info.")
		}
		if err := dir.Fits(&s.Summary, s.History); err != nil {
			return nil, errors.Join(fmt.Errorf("drawing a report: %w", err), s.Close())
		}
	}
	return s, nil
}
