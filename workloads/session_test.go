package workloads

import (
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestSessionOrderIsExact checks what the attribute order=value promises.
func TestSessionOrderIsExact(t *testing.T) {
	for _, keys := range []int{0, 1, 4, 50} {
		cfg := testConfig()
		cfg.Keys = keys
		cfg.OpsPerKey = 40
		g := mustNew(t, "session", cfg)
		if got := g.Attributes()[AttributeOrder]; got != OrderByValue {
			t.Fatalf("attribute %s is %q", AttributeOrder, got)
		}
		outcomes := newStream(1, 1)
		writer := map[history.Key]int{}
		last := map[history.Key]history.Value{}
		closed := map[history.Key]bool{}
		readers := map[history.Key]map[int]bool{}
		own, reads, writes := 0, 0, 0
		for _, s := range drive(g, cfg.Workers, 5000, func(step) history.Outcome {
			return [...]history.Outcome{history.OK, history.OK, history.OK, history.Fail, history.Info}[outcomes.IntN(5)]
		}) {
			m := s.mops[0]
			if m.Func == history.Read {
				reads++
				if w, ok := writer[m.Key]; ok && w == s.worker {
					own++
				}
				if readers[m.Key] == nil {
					readers[m.Key] = map[int]bool{}
				}
				readers[m.Key][s.worker] = true
				continue
			}
			writes++
			if w, ok := writer[m.Key]; ok && w != s.worker {
				t.Fatalf("%s is written by the workers %d and %d", m.Key, w, s.worker)
			}
			writer[m.Key] = s.worker
			if m.Arg <= last[m.Key] {
				t.Fatalf("%s is written %d after %d", m.Key, m.Arg, last[m.Key])
			}
			last[m.Key] = m.Arg
			if closed[m.Key] {
				t.Fatalf("%s is written %d after an indeterminate write, which may yet take effect", m.Key, m.Arg)
			}
			closed[m.Key] = s.outcome == history.Info
		}
		// With fewer keys than workers most workers have none to write.
		if many := keys == 0 || keys >= cfg.Workers; many && (own*5 < reads || own*5 > reads*4) {
			t.Errorf("keys=%d: %d of %d reads are of own keys", keys, own, reads)
		} else if many && writes*6 < reads || writes == 0 {
			t.Errorf("keys=%d: %d writes and %d reads", keys, writes, reads)
		}
		shared := 0
		for _, r := range readers {
			if len(r) >= 3 {
				shared++
			}
		}
		if shared*2 < len(readers) {
			t.Errorf("keys=%d: only %d of %d keys had three readers", keys, shared, len(readers))
		}
	}
}

// After a key was retired its last acknowledged value is still read.
func TestSessionLooksBack(t *testing.T) {
	cfg := testConfig()
	back := 0
	closed := map[history.Key]bool{}
	for _, s := range drive(mustNew(t, "session", cfg), cfg.Workers, 3000, func(s step) history.Outcome {
		if s.mops[0].Func == history.Write && s.mops[0].Arg%10 == 0 {
			return history.Info
		}
		return history.OK
	}) {
		m := s.mops[0]
		if s.outcome == history.Info {
			closed[m.Key] = true
		} else if closed[m.Key] {
			back++
		}
	}
	if len(closed) < 100 || back < len(closed) {
		t.Errorf("%d keys were retired by an indeterminate write and read %d times afterwards", len(closed), back)
	}
}

func TestSessionWithOneWorker(t *testing.T) {
	cfg := testConfig()
	cfg.Workers = 1
	for _, s := range drive(mustNew(t, "session", cfg), 1, 1000, nil) {
		if len(s.mops) != 1 {
			t.Fatalf("an operation of %d micro-operations", len(s.mops))
		}
	}
}
