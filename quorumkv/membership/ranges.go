package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// Do is what a step does with ranges.
type Do string

// What can be done.
const (
	Split Do = "split" // the range that has At, there
	Merge Do = "merge" // the range that begins at At with the one before it, to where that is
	Move  Do = "move"  // a replica of the range that has At, from a member to another
)

// Step is one step of a change of ranges. Keys are spelled as they are stored.
type Step struct {
	Do   Do     `json:"do"`
	At   string `json:"at"`
	From string `json:"from,omitempty"` // of Move
	To   string `json:"to,omitempty"`   // of Move
}

// Text spells the step for people.
func (s Step) Text() string {
	if s.Do == Move {
		return fmt.Sprintf("move the range with %q from %s to %s", s.At, s.From, s.To)
	}
	return fmt.Sprintf("%s at %q", s.Do, s.At)
}

// After is the table that steps make of the view's. An error is a *Refusal.
func After(v *View, steps []Step) (placement.Table, error) {
	t, ok := placement.TableOf(v.Read)
	switch {
	case !ok:
		return nil, refuse("ranges are split, merged and moved with partitioner range; keys are placed by partitioner %s", v.Read.Partitioner())
	case v.Phase != Stable:
		return nil, refuse("a change is going on already: %s", v.State)
	}
	for _, s := range steps {
		var err error
		switch {
		case s.Do != Move && s.From+s.To != "":
			return nil, refuse("%s: takes no nodes", s.Do)
		case s.Do == Split:
			t, err = t.Split(s.At)
		case s.Do == Merge:
			t, err = t.Merge(s.At)
		case s.Do == Move && !slices.Contains(v.Members, s.To):
			err = fmt.Errorf("move: %q is no member: the members are %s", s.To, strings.Join(v.Members, " "))
		case s.Do == Move:
			t, err = t.Move(s.At, s.From, s.To)
		default:
			err = fmt.Errorf("%q is none of split, merge and move", s.Do)
		}
		if err != nil {
			return nil, refuse("%v", err)
		}
	}
	if _, err := placement.Assign(v.Read, t); err != nil {
		return nil, refuse("%v", err)
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, refuse("the ranges cannot be encoded: %v", err)
	}
	if len(b) > maxTable {
		return nil, refuse("the %d ranges would take %d bytes as nodes tell them to each other, and may take %d: merge some, or split at shorter keys", len(t), len(b), maxTable)
	}
	return t, nil
}

// maxTable bounds a table as nodes tell it to each other: a state that moves has two of them, in one message (package peer bounds those).
const maxTable = 512 << 10

const (
	// samples are taken of the keys of a span, from each page at most.
	samples = 16
	// countKeys are counted at a time.
	countKeys = 4000
)

// counts asks how many keys there are in each span, which begin at these keys, of those from a key on.
type counts struct {
	Epoch uint64   `json:"epoch"`
	Spans []string `json:"spans"`
	From  string   `json:"from"`
}

// Span is the keys from one on and below the first of the next span.
type Span struct {
	Keys    int64    `json:"keys"`              // whose first replica has them, deleted ones too
	Samples []Sample `json:"samples,omitempty"` // some of the keys, in their order
}

// Sample is a key and how many there are from it on up to the next sample.
type Sample struct {
	Key  string `json:"key"`
	Keys int64  `json:"keys"`
}

// Middle is a key that has about as many of the span before it as after it; empty where there is none that has one before it.
func (s Span) Middle() string {
	if len(s.Samples) < 2 {
		return ""
	}
	before := int64(0)
	for _, p := range s.Samples {
		if before > 0 && 2*before+p.Keys > s.Keys {
			return p.Key
		}
		before += p.Keys
	}
	return s.Samples[len(s.Samples)-1].Key
}

// counted answers counts.
type counted struct {
	Spans []Span `json:"spans"`
	From  string `json:"from"` // of what was not counted
	More  bool   `json:"more"`
}

func (m *Mover) counted(c counts) (counted, error) {
	v := m.o.Keeper.View()
	if v.Epoch != c.Epoch {
		return counted{}, fmt.Errorf("%w: asked for keys in epoch %d; %s", replica.ErrNotApplied, c.Epoch, v.State)
	}
	page, err := m.o.Store.Range(c.From, "", countKeys)
	if err != nil {
		return counted{}, err
	}
	of := make([][]string, len(c.Spans))
	for _, i := range page.Items {
		at, found := slices.BinarySearch(c.Spans, i.Key)
		if !found {
			at--
		}
		if at >= 0 && v.Read.Replicas(i.Key)[0] == m.o.Self {
			of[at] = append(of[at], i.Key)
		}
	}
	out := counted{Spans: make([]Span, len(c.Spans)), More: page.More}
	for at, keys := range of {
		out.Spans[at].Keys = int64(len(keys))
		step := (len(keys) + samples - 1) / samples
		for i := 0; i < len(keys); i += step {
			out.Spans[at].Samples = append(out.Spans[at].Samples, Sample{keys[i], int64(min(step, len(keys)-i))})
		}
	}
	if n := len(page.Items); n > 0 {
		out.From = page.Items[n-1].Key + "\x00"
	}
	return out, nil
}

// Count is how many keys of a view there are in each span, which begin at these keys in ascending order, the first at the empty one. All members are asked.
func (m *Mover) Count(ctx context.Context, v *View, spans []string) ([]Span, error) {
	out := make([]Span, len(spans))
	var mu sync.Mutex
	errs := make([]error, len(v.Read.Nodes()))
	var wg sync.WaitGroup
	for i, node := range v.Read.Nodes() {
		wg.Go(func() {
			for from := ""; ; {
				var c counted
				err := m.askFor(ctx, pageTimeout, node, question{Count: &counts{Epoch: v.Epoch, Spans: spans, From: from}}, &c)
				if err == nil && (len(c.Spans) != len(spans) || c.More && c.From <= from) {
					err = errors.New("an answer to something else")
				}
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", node, err)
					return
				}
				mu.Lock()
				for at, s := range c.Spans {
					out[at].Keys += s.Keys
					out[at].Samples = append(out[at].Samples, s.Samples...) // of one node, as all keys of a span have one first replica
				}
				mu.Unlock()
				if from = c.From; !c.More {
					return
				}
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// View is the current one of this node.
func (m *Mover) View() *View { return m.o.Keeper.View() }
