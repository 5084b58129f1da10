package text

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/harness"
)

// told runs a progress of a kind through what do does, on a clock of its own.
func told(t *testing.T, kind string, interval time.Duration, do func(p harness.Progress)) string {
	t.Helper()
	var b bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		p, err := NewProgress(kind, &b, Style{}, interval)
		if err != nil {
			t.Fatal(err)
		}
		do(p)
		p.Phase(harness.PhaseEnd, "")
		time.Sleep(time.Hour)
	})
	return b.String()
}

// TestWaitingIsTold wants a line that says what is waited for, and for how long.
func TestWaitingIsTold(t *testing.T) {
	slow := func(p harness.Progress) {
		p.Phase(harness.PhaseSetup, "")
		time.Sleep(75*time.Second + time.Millisecond)
		p.Phase(harness.PhaseSetup, "3 nodes up")
	}
	plain := told(t, "plain", 30*time.Second, slow)
	want := "  setup    starting nodes, until a write and a read go through each (10 s)\n" +
		"  setup    starting nodes, until a write and a read go through each (40 s)\n" +
		"  setup    starting nodes, until a write and a read go through each (1 min 10 s)\n" +
		"  setup    3 nodes up\n"
	if plain != want {
		t.Errorf("plain tells\n%swant\n%s", plain, want)
	}
	tty := told(t, "tty", time.Second, slow)
	if n := strings.Count(tty, "\r\x1b[2K"); n < 75 || !strings.Contains(tty, "each (1 min 15 s)") || strings.Count(tty, "\n") != 1 {
		t.Errorf("a terminal is drawn %d times, %d lines remain", n, strings.Count(tty, "\n"))
	}
	if got := told(t, "plain", 30*time.Second, func(p harness.Progress) {
		p.Phase(harness.PhaseCheck, "")
		time.Sleep(5 * time.Second)
	}); got != "" {
		t.Errorf("plain tells of a short phase: %q", got)
	}
	if got := told(t, "none", time.Second, slow); got != "" {
		t.Errorf("none tells %q", got)
	}
	if got := told(t, "json", time.Second, slow); strings.Count(got, "\n") != 3 || !strings.Contains(got, "starting nodes") {
		t.Errorf("json tells %q", got)
	}
}

// TestSecondRunIsToldToo has two loads with one progress, as suites do.
func TestSecondRunIsToldToo(t *testing.T) {
	for _, kind := range []string{"plain", "json"} {
		got := told(t, kind, 30*time.Second, func(p harness.Progress) {
			for range 2 {
				p.Tick(harness.Status{Phase: harness.PhaseLoad, Elapsed: 10 * time.Second})
				p.Tick(harness.Status{Phase: harness.PhaseLoad, Elapsed: 31 * time.Second})
			}
		})
		if n := strings.Count(got, "load"); n != 2 {
			t.Errorf("%s tells of the loads %d times, want 2: %s", kind, n, got)
		}
	}
}

// TestProgressOfMany is for the race detector.
func TestProgressOfMany(t *testing.T) {
	for _, kind := range []string{"tty", "plain", "json"} {
		var b bytes.Buffer
		p, err := NewProgress(kind, &b, Style{}, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				for n := range 50 {
					p.Note("a note")
					p.Tick(harness.Status{Elapsed: time.Duration(n) * time.Millisecond})
					if i == 0 {
						p.Phase(harness.PhaseSetup, "")
					}
				}
			})
		}
		group.Wait()
		p.Phase(harness.PhaseEnd, "")
		if b.Len() == 0 {
			t.Errorf("%s told nothing", kind)
		}
	}
}

// TestProgressFits: what a phase, a fault and a violation say goes on below where the terminal ends, and the live line stays one.
func TestProgressFits(t *testing.T) {
	long := strings.Repeat("a word ", 30)
	for _, kind := range []string{"tty", "plain"} {
		var b bytes.Buffer
		p, err := NewProgress(kind, &b, Style{on: true, width: 80}, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Tick(harness.Status{Phase: harness.PhaseLoad, Faults: []string{long}})
		p.Note(long)
		p.Phase(harness.PhaseLoad, long)
		for line := range strings.Lines(strings.ReplaceAll(b.String(), eraseLine, "\n")) {
			if n := visible(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns where there are 80: %q", kind, n, line)
			}
		}
		if n := strings.Count(b.String(), "word"); n < 60 {
			t.Errorf("%s: of 60 words and the live line %d are there", kind, n)
		}
	}
}

// TestNoteOfManyLines: the lines of a violation of transactions stand below one another.
func TestNoteOfManyLines(t *testing.T) {
	for _, kind := range []string{"tty", "plain"} {
		var b bytes.Buffer
		p, err := NewProgress(kind, &b, Style{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Note("G2-item: Let:\n  T1 = [append k1 1]\nThen:")
		const margin = "           "
		if want := margin + "G2-item: Let:\n" + margin + "  T1 = [append k1 1]\n" + margin + "Then:\n"; b.String() != want {
			t.Errorf("%s: %q, want %q", kind, b.String(), want)
		}
	}
}
