package leaderless

import (
	"context"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

var _ engine.Ranged = (*Engine)(nil)

// Ranges implements engine.Ranged.
func (e *Engine) Ranges(ctx context.Context, count bool) (protocol.Ranges, error) {
	v := e.members.View()
	t, ok := placement.TableOf(v.Read)
	if !ok {
		return protocol.Ranges{}, noRanges(v)
	}
	var spans []membership.Span
	if count {
		var err error
		if spans, err = e.count(ctx, v, placement.Bounds(t, nil)); err != nil {
			return protocol.Ranges{}, err
		}
	}
	return protocol.Ranges{Epoch: v.Epoch, Phase: string(v.Phase), Ranges: shown(t, spans)}, nil
}

// PlanRanges implements engine.Ranged.
func (e *Engine) PlanRanges(ctx context.Context, steps []protocol.RangeStep) (protocol.RangePlan, error) {
	v := e.members.View()
	before, ok := placement.TableOf(v.Read)
	if !ok {
		return protocol.RangePlan{}, noRanges(v)
	}
	after, err := membership.After(v, stepsOf(steps))
	if err != nil {
		return protocol.RangePlan{}, &engine.Error{Code: engine.CodeMembers, Outcome: engine.NotWritten, Message: err.Error()}
	}
	bounds := placement.Bounds(before, after)
	spans, err := e.count(ctx, v, bounds)
	if err != nil {
		return protocol.RangePlan{}, err
	}
	out := protocol.RangePlan{Epoch: v.Epoch, Before: shown(before, within(before, bounds, spans)), After: shown(after, within(after, bounds, spans)), Replication: v.Read.N(), Takes: map[string]int64{}}
	for i, from := range bounds {
		out.Keys += spans[i].Keys
		had := before[before.Index(from)].Nodes
		for _, n := range after[after.Index(from)].Nodes {
			if !slices.Contains(had, n) {
				out.Takes[n] += spans[i].Keys
			}
		}
	}
	return out, nil
}

// ChangeRanges implements engine.Ranged.
func (e *Engine) ChangeRanges(ctx context.Context, steps []protocol.RangeStep) (protocol.Members, error) {
	return e.change(ctx, membership.Change{Ranges: stepsOf(steps)})
}

func stepsOf(steps []protocol.RangeStep) []membership.Step {
	var out []membership.Step
	for _, s := range steps {
		out = append(out, membership.Step{Do: membership.Do(s.Do), At: s.At, From: s.From, To: s.To})
	}
	return out
}

func noRanges(v *membership.View) error {
	return &engine.Error{Code: engine.CodeMembers, Outcome: engine.NotWritten, Message: "ranges of keys are there with partitioner range; keys are placed by partitioner " + string(v.Read.Partitioner())}
}

// count counts the keys of spans.
func (e *Engine) count(ctx context.Context, v *membership.View, spans []string) ([]membership.Span, error) {
	if err := e.agrees(ctx); err != nil {
		return nil, err
	}
	out, err := e.mover.Count(ctx, v, spans)
	if err != nil {
		return nil, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "count the keys: " + err.Error()}
	}
	return out, nil
}

// within puts the spans, which begin at bounds, together by the ranges of a table that they are in.
func within(t placement.Table, bounds []string, spans []membership.Span) []membership.Span {
	out := make([]membership.Span, len(t))
	for i, from := range bounds {
		at := t.Index(from)
		out[at].Keys += spans[i].Keys
		out[at].Samples = append(out[at].Samples, spans[i].Samples...)
	}
	return out
}

func shown(t placement.Table, spans []membership.Span) []protocol.Range {
	var out []protocol.Range
	for i, h := range t {
		r := protocol.Range{From: h.From, To: t.To(i), Nodes: h.Nodes}
		if i < len(spans) {
			r.Keys, r.Middle = spans[i].Keys, spans[i].Middle()
		}
		out = append(out, r)
	}
	return out
}
