package nemesis

import (
	"context"
	"errors"
	"slices"

	"github.com/lapse-test/lapse/targets/ability"
)

func (f *fake) Ranges(context.Context) ([]ability.KeyRange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.rangesLate > 0 {
		f.lies.rangesLate--
		return nil, errors.New("the members do not agree yet")
	}
	if f.lies.rangesUntold {
		return nil, errors.New("no member answers")
	}
	if f.ranges == nil {
		f.ranges = []ability.KeyRange{{Middle: "b", Keys: 4, Nodes: f.names[:len(f.names)-1]}, {From: "c", Middle: "d", Keys: 3, Nodes: f.names[len(f.names)-1:]}}
	}
	return slices.Clone(f.ranges), nil
}

// changeRanges does f, unless the fake lies: then nothing, or nothing but the first time.
func (f *fake) changeRanges(do func([]ability.KeyRange) []ability.KeyRange) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.lies.rangesStay && (!f.lies.rangesChanged || f.rangesChanged == 0) {
		f.ranges = do(f.ranges)
	}
	f.rangesChanged++
	return "some keys moved", nil
}

func (f *fake) SplitRange(_ context.Context, at string) (string, error) {
	return f.changeRanges(func(all []ability.KeyRange) []ability.KeyRange {
		i := len(all)
		for i > 0 && all[i-1].From > at {
			i--
		}
		return slices.Insert(slices.Clone(all), i, ability.KeyRange{From: at, Keys: 1, Nodes: all[i-1].Nodes})
	})
}

func (f *fake) MergeRanges(_ context.Context, at string) (string, error) {
	return f.changeRanges(func(all []ability.KeyRange) []ability.KeyRange {
		return slices.DeleteFunc(slices.Clone(all), func(r ability.KeyRange) bool { return r.From == at })
	})
}

func (f *fake) MoveRange(_ context.Context, key, from, to string) (string, error) {
	return f.changeRanges(func(all []ability.KeyRange) []ability.KeyRange {
		out := slices.Clone(all)
		for i, r := range out {
			if r.From == key && slices.Contains(r.Nodes, from) {
				out[i].Nodes = []string{to}
			}
		}
		return out
	})
}
