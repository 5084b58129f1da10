package monitor

import (
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// Metrics are told how runs go on. Their methods may be called concurrently, and return soon.
type Metrics interface {
	// Begin is told of a run that begins.
	Begin(s *store.Summary)
	// Phase is told in which phase a run is now.
	Phase(run, name string)
	// Operations is told what the recorder wrote of operations that ended.
	Operations(h *history.History)
	// Open is told how many operations wait for their answer.
	Open(run string, n int64)
	// Faults is told how many faults there were so far, and which are on.
	Faults(run string, s harness.Status)
	// Found is told of n more violations of a model.
	Found(model string, n int)
	// Lag is told how far a replica was behind.
	Lag(l history.Lag)
	// End is told what became of a run, and the models whose violations were found
	// while it went on.
	End(run string, a *verdict.Assessment, found map[string]bool)
}

// nobody is told of runs that nobody measures.
type nobody struct{}

func (nobody) Begin(*store.Summary)                             {}
func (nobody) Phase(string, string)                             {}
func (nobody) Operations(*history.History)                      {}
func (nobody) Open(string, int64)                               {}
func (nobody) Faults(string, harness.Status)                    {}
func (nobody) Found(string, int)                                {}
func (nobody) Lag(history.Lag)                                  {}
func (nobody) End(string, *verdict.Assessment, map[string]bool) {}
