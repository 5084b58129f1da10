package netspace

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestOvertaking: a packet has overtaken another if that was sent before, still waits and is
// the database's own.
func TestOvertaking(t *testing.T) {
	now := time.Now()
	const delay = 20 * time.Millisecond
	type packet struct {
		after time.Duration
		probe bool
		waits bool
	}
	for _, c := range []struct {
		name    string
		packets []packet
		want    uint64
	}{
		{"one that waits", []packet{{waits: true}, {after: delay / 2}}, 1},
		{"two that go at once", []packet{{waits: true}, {after: delay / 4}, {after: delay / 2}}, 2},
		{"nothing there", []packet{{}}, 0},
		{"one that is due, and was not let go yet", []packet{{waits: true}, {after: 2 * delay}}, 0},
		{"a probe", []packet{{waits: true, probe: true}, {after: delay / 2}}, 0},
		{"by a probe", []packet{{waits: true}, {after: delay / 2, probe: true}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &lane{}
			for _, p := range c.packets {
				l.quality = cluster.Quality{Delay: delay, Reorder: 1}
				if p.waits {
					l.quality.Reorder = 0
				}
				if w := (&waiting{since: now.Add(p.after), probe: p.probe, bytes: 100, lane: l}); !l.admit(w) {
					t.Fatal("a packet is lost")
				}
			}
			if l.held.Overtook != c.want {
				t.Errorf("%d overtook, want %d", l.held.Overtook, c.want)
			}
		})
	}
}

func TestQueuedIn(t *testing.T) {
	text := []byte("    7  12345     3 2    20     0     0       12  1\n   70 4294967295  65535 2    20     0     0       12  1\n")
	for queue, want := range map[uint16]int{7: 3, 70: 65535, 8: 0} {
		if got, err := queuedIn(text, queue); got != want || err != nil {
			t.Errorf("in queue %d wait %d (%v), want %d", queue, got, err, want)
		}
	}
	if _, err := queuedIn([]byte("7 a b\n"), 7); err == nil {
		t.Error("what is no list was taken")
	}
}
