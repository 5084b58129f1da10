package live

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestToldSoon has a run go by on a clock of the test's own, on which to judge an operation
// takes a given time: what is found is told within two seconds of its completion, however
// many operations come. Where they are too many, fewer keys are judged, and all again when
// fewer come.
func TestToldSoon(t *testing.T) {
	const flush, seconds, keys = 250 * time.Millisecond, 12, 400
	const settled = 3e9 // the first reads that lie come when it is known how many keys can be judged
	for name, c := range map[string]struct {
		rate  int // operations a second in the first half, and a tenth of it afterwards
		cost  time.Duration
		share float64 // at most so many of the keys are judged at the busiest
		found int     // at least, of a hundred
	}{
		"few":       {1000, 10 * time.Microsecond, 1, 100},
		"many":      {4000, 2 * time.Microsecond, 1, 100},
		"too many":  {4000, 40 * time.Microsecond, 0.8, 20},
		"very many": {8000, 400 * time.Microsecond, 0.1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			w := New(models()[1:2], checkers.Budget{}) // one: what is found is found once a key
			w.Hurry()
			w.eager, w.group = 1000, max(1, int(100*time.Millisecond/c.cost))
			var from time.Duration
			before := 0
			w.pace.clock = func(judged int) time.Duration { return from + time.Duration(judged-before)*c.cost }
			state, stale := make([]history.Value, keys), make([]history.Value, keys)
			value, next, session := history.Value(0), history.Time(0), int32(0)
			broken := map[history.Key]history.Time{} // when a key showed a stale read
			told, share, late := 0, 1.0, history.Time(0)
			due := Rest(0)
			for at := flush; at <= seconds*time.Second; at += flush {
				b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
				for next < history.Time(at) {
					rate := c.rate
					if next > seconds*1e9/2 {
						rate /= 10
					}
					k := history.Key(rng.IntN(keys))
					m := history.Mop{Func: history.Read, Key: k, Ret: state[k], Flags: history.Observed}
					switch {
					case next > settled && stale[k] != 0 && broken[k] == 0 && rng.IntN(10) == 0:
						m.Ret, broken[k] = stale[k], next+1
					case state[k] == 0 || rng.IntN(3) == 0:
						value++
						m = history.Mop{Func: history.Write, Key: k, Arg: value}
						stale[k], state[k] = state[k], value
					}
					session++
					b.AddPlain(history.Op{Invoke: next, Complete: next + 1, Outcome: history.OK, Session: session % 8, Process: session % 8, Error: -1, Note: -1, Node: -1}, m)
					next += history.Time(time.Second) / history.Time(rate)
				}
				h, err := b.History()
				if err != nil {
					t.Fatal(err)
				}
				w.Add(h)
				for due < at+flush {
					from, before = due, w.pace.judged
					found := w.Judge(t.Context())
					took := w.pace.clock(w.pace.judged) - from
					for _, f := range found {
						told++
						late = max(late, history.Time(due+took)-f.At)
					}
					due += took + Rest(took)
				}
				share = min(share, w.Share())
			}
			t.Logf("%d of %d are told, the last %v after its completion; at the busiest %.2f of the keys are judged, in the end %.2f", told, len(broken), time.Duration(late), share, w.Share())
			if late > 2e9 {
				t.Errorf("a violation is told %v after its completion", time.Duration(late))
			}
			if share > c.share || c.share == 1 && share < 1 {
				t.Errorf("%.2f of the keys are judged at the busiest, expected %.2f", share, c.share)
			}
			if c.share < 1 && w.Share() <= share {
				t.Error("no more keys are judged when less comes")
			}
			if 100*told < c.found*len(broken) {
				t.Errorf("%d of %d are told, expected %d in a hundred", told, len(broken), c.found)
			}
		})
	}
}

// TestKeysThatWereLeftOut: of a key of which operations were left out it is not known what
// was there at first.
func TestKeysThatWereLeftOut(t *testing.T) {
	var s share
	if !s.has(7) || s.lost(7) {
		t.Error("a key is left out though all are judged")
	}
	s = share{shed: 0, most: shares - 1}
	if !s.has(7) || !s.lost(7) {
		t.Error("a key that is judged again passes for one that always was")
	}
}
