// Package violations is the folder that each violation has in a run directory: the
// explanation, the operations for other programs and as a history of their own.
package violations

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
)

// Save writes the verdicts into the run directory and, for each
// violation with a witness, a folder of its own: the explanation, the
// operations as JSON and as a history that can be checked again by itself, and
// Porcupine's page where Porcupine can express the model.
//
// Where h has a part of the operations, to which a points, places are their indexes in the whole, which is what is written;
// nil otherwise.
func Save(ctx context.Context, d store.Dir, h *history.History, a *verdict.Assessment, places []int) error {
	written := a.At(places)
	if err := d.WriteJSON(store.FileVerdict, &written); err != nil {
		return err
	}
	if err := os.RemoveAll(d.File(store.DirViolations)); err != nil {
		return fmt.Errorf("replacing the violations of an earlier check: %w", err)
	}
	number := 0
	for i := range a.Verdicts {
		v := &a.Verdicts[i]
		for j := range v.Violations {
			number++
			if err := saveViolation(ctx, d, h, &v.Violations[j], places, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// Load returns the history to which the witnesses of a, which is of o, point by Assessment.Among(places): o itself where it is in
// memory, with places nil, else the operations alone that explain them. The error is that of the disk.
func Load(o history.Ordered, a *verdict.Assessment) (h *history.History, places []int, err error) {
	if h, inMemory := o.(*history.History); inMemory {
		return h, nil, nil
	}
	var ops []int
	for i := range a.Verdicts {
		for j := range a.Verdicts[i].Violations {
			ops = append(ops, a.Verdicts[i].Violations[j].Ops...)
		}
	}
	if h, places, err = pick(o, ops); err == nil {
		var writers []int
		among := a.Among(places)
		if writers, err = legalWriters(o, h, &among); err == nil && len(writers) > 0 {
			h, places, err = pick(o, append(ops, writers...))
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("looking up the witnesses: %w", err)
	}
	return h, places, nil
}

func pick(o history.Ordered, ops []int) (*history.History, []int, error) {
	slices.Sort(ops)
	return history.Pick(o, func(i int, _ *history.Op) bool { _, of := slices.BinarySearch(ops, i); return of })
}

// legalWriters are the operations of o that wrote what would have been legal instead of what a blames, of which h has the witnesses:
// explanations name them.
func legalWriters(o history.Ordered, h *history.History, a *verdict.Assessment) (ops []int, err error) {
	type wanted struct {
		v   *checkers.Violation
		key history.Key
	}
	var all []wanted
	for i := range a.Verdicts {
		for j := range a.Verdicts[i].Violations {
			v := &a.Verdicts[i].Violations[j]
			if key, ok := v.KeyIn(h); ok && len(v.Legal) > 0 {
				all = append(all, wanted{v, key})
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	before := 0
	err = o.InTime(func(some *history.History) {
		for _, w := range all {
			for _, at := range slices.Concat(w.v.LegalWriters(some, w.key)...) {
				ops = append(ops, before+at)
			}
		}
		before += len(some.Ops)
	})
	return ops, err //nolint:wrapcheck // Load says what for
}

// Dir is the folder of the n-th violation (from 1) in a run directory.
func Dir(n int) string { return filepath.Join(store.DirViolations, fmt.Sprintf("%03d", n)) }

// File is a file in that folder.
func File(n int, name string) string { return filepath.Join(Dir(n), name) }

func saveViolation(ctx context.Context, d store.Dir, h *history.History, v *checkers.Violation, places []int, number int) error {
	dir := Dir(number)
	var said bytes.Buffer
	text.PrintViolation(&said, text.Style{}, h, v, number, 0) // the number is one over all models, of which each has its own total
	if err := d.WriteFile(filepath.Join(dir, store.FileExplain), said.Bytes()); err != nil {
		return err
	}
	b, err := json.MarshalIndent(NewWitness(h, v).At(places), "", "  ")
	if err != nil {
		return fmt.Errorf("encoding a witness: %w", err)
	}
	if err := d.WriteFile(filepath.Join(dir, store.FileWitness), append(b, '\n')); err != nil {
		return err
	}
	if err := history.WriteFile(d.File(filepath.Join(dir, store.FileWitnessOps)), h.Subset(v.Ops)); err != nil {
		return fmt.Errorf("writing a witness as a history: %w", err)
	}
	var page bytes.Buffer
	// A picture that cannot be drawn is no part of the verdict.
	if v.Certified != "" && linearizable.PorcupinePage(ctx, h, *v, &page) == nil {
		return d.WriteFile(filepath.Join(dir, store.FilePorcupine), page.Bytes())
	}
	return nil
}

// Witness is a violation with its operations spelled out, for other programs.
type Witness struct {
	checkers.Violation
	// Clock is history.ClockOrder where the stamps of the operations number events, and history.ClockNone where they
	// say nothing; empty where they are times.
	Clock      string          `json:"clock,omitempty"`
	Operations []WitnessOp     `json:"operations"`
	Windows    []history.Fault `json:"fault_windows,omitempty"`
}

// WitnessOp is one operation of a witness.
type WitnessOp struct {
	Index    int      `json:"index"`
	Process  int32    `json:"process"`
	Session  int32    `json:"session"`
	Node     string   `json:"node,omitempty"`
	Levels   string   `json:"levels,omitempty"`
	Invoke   int64    `json:"invoke_ns"`
	Complete *int64   `json:"complete_ns"`
	Outcome  string   `json:"outcome"`
	Mops     []string `json:"micro_operations"`
	Note     string   `json:"note,omitempty"`
	Error    string   `json:"error,omitempty"`
}

// Witnesses spells out all violations of a, in the order of their numbers; places are as in Save.
func Witnesses(h *history.History, a *verdict.Assessment, places []int) []Witness {
	var all []Witness
	for i := range a.Verdicts {
		for j := range a.Verdicts[i].Violations {
			all = append(all, NewWitness(h, &a.Verdicts[i].Violations[j]).At(places))
		}
	}
	return all
}

// NewWitness spells out the operations of v.
func NewWitness(h *history.History, v *checkers.Violation) Witness {
	w := Witness{Violation: *v, Clock: h.Header.Attributes[history.AttributeClock]}
	for _, i := range v.Ops {
		op := &h.Ops[i]
		o := WitnessOp{
			Index: i, Process: op.Process, Session: op.Session,
			Node: h.NodeName(op), Levels: text.Levels(h, op),
			Invoke: int64(op.Invoke), Outcome: op.Outcome.String(),
			Note: h.String(op.Note), Error: h.String(op.Error),
		}
		if op.Complete != history.Never {
			c := int64(op.Complete)
			o.Complete = &c
		}
		for j := range h.Mops(op) {
			o.Mops = append(o.Mops, text.Mop(h, op, &h.Mops(op)[j]))
		}
		w.Operations = append(w.Operations, o)
	}
	for _, id := range v.Faults {
		for j := range h.Faults {
			if h.Faults[j].ID == id {
				w.Windows = append(w.Windows, h.Faults[j])
			}
		}
	}
	return w
}

// At is w with the indexes that its operations have in the whole, where it was made of a part of them: places tells them, nil
// for those that it has.
func (w Witness) At(places []int) Witness {
	if places == nil {
		return w
	}
	w.Violation = w.Violation.Renumbered(func(i int) int { return places[i] })
	w.Operations = slices.Clone(w.Operations)
	for n := range w.Operations {
		w.Operations[n].Index = places[w.Operations[n].Index]
	}
	return w
}
