package set

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

// TestRefutedInTheEnd: what the refuter takes for proven of an element that a final read has or lacks, and what not: it is asked
// with witnesses that the checker does not give.
func TestRefutedInTheEnd(t *testing.T) {
	session := int32(0)
	op := func(from, to history.Time, f history.Func) exhaust.Op {
		session++
		return exhaust.Op{S: session, From: from, To: to, Mops: []exhaust.M{{F: f, A: 1}}}
	}
	read := func(from history.Time, l ...history.Value) exhaust.Op {
		session++
		return exhaust.Op{S: session, From: from, To: from + 1, Mops: []exhaust.M{{F: history.ReadSet, L: l}}}
	}
	info := func(o exhaust.Op) exhaust.Op { o.Info = true; return o }
	fail := func(o exhaust.Op) exhaust.Op { o.Fail = true; return o }
	const add, remove, clears = history.Add, history.Remove, history.Clear
	for name, c := range map[string]struct {
		ops    []exhaust.Op
		proven bool
	}{
		"removed, and there":                       {[]exhaust.Op{op(1, 2, add), op(3, 4, remove), read(9, 1)}, true},
		"removed while it was added, and there":    {[]exhaust.Op{op(1, 4, add), op(3, 5, remove), read(9, 1)}, false},
		"removed before, and there":                {[]exhaust.Op{op(1, 2, remove), op(3, 4, add), read(9, 1)}, false},
		"added twice, removed, and there":          {[]exhaust.Op{op(1, 2, add), op(1, 2, add), op(3, 4, remove), read(9, 1)}, false},
		"perhaps added once more, and there":       {[]exhaust.Op{op(1, 2, add), info(op(2, 3, add)), op(4, 5, remove), read(9, 1)}, false},
		"perhaps removed, and there":               {[]exhaust.Op{op(1, 2, add), info(op(3, 4, remove)), read(9, 1)}, false},
		"added once more in vain, and there":       {[]exhaust.Op{op(1, 2, add), fail(op(2, 3, add)), op(4, 5, remove), read(9, 1)}, true},
		"cleared, and there":                       {[]exhaust.Op{op(1, 2, add), op(3, 4, clears), read(9, 1)}, false},
		"never added, and there":                   {[]exhaust.Op{read(9, 1)}, true},
		"added in vain, and there":                 {[]exhaust.Op{fail(op(1, 2, add)), read(9, 1)}, true},
		"removed, and there before a later change": {[]exhaust.Op{op(1, 2, add), op(3, 4, remove), read(5, 1), op(7, 8, remove)}, false},
		"added, and lacking":                       {[]exhaust.Op{op(1, 2, add), read(9)}, true},
		"added twice, and lacking":                 {[]exhaust.Op{op(1, 2, add), op(3, 4, add), read(9)}, true},
		"perhaps added, and lacking":               {[]exhaust.Op{info(op(1, 2, add)), read(9)}, false},
		"removed, and lacking":                     {[]exhaust.Op{op(1, 2, add), op(3, 4, remove), read(9)}, false},
		"removed as it was added, and lacking":     {[]exhaust.Op{op(1, 3, add), op(2, 3, remove), read(9)}, false},
		"removed and then added, and lacking":      {[]exhaust.Op{op(1, 2, remove), op(3, 4, add), read(9)}, true},
		"cleared and then added, and lacking":      {[]exhaust.Op{op(1, 2, clears), op(3, 4, add), read(9)}, true},
		"perhaps cleared, and lacking":             {[]exhaust.Op{info(op(1, 2, clears)), op(3, 4, add), read(9)}, false},
	} {
		h := exhaust.Build(t, nil, c.ops...)
		var all []int
		for i := range h.Ops {
			all = append(all, i)
		}
		if _, proven := checkers.Named(Eventual, Models()).Refute(t.Context(), h, &checkers.Violation{Key: h.KeyName(0), Ops: all}); proven != c.proven {
			t.Errorf("%s: proven: %t, want %t", name, proven, c.proven)
		}
	}
}
