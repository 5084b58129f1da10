package hlc

import (
	"sync"
	"testing"
	"time"
)

func TestPacking(t *testing.T) {
	ts := New(1_790_000_000_123, 77)
	if ts.WallMillis() != 1_790_000_000_123 || ts.Logical() != 77 {
		t.Fatalf("got wall %d, logical %d", ts.WallMillis(), ts.Logical())
	}
	if next := New(5, 65535) + 1; next != New(6, 0) {
		t.Fatalf("the counter does not carry into the milliseconds: %d", next)
	}
}

func TestNowGrowsWhenThePhysicalClockStandsOrGoesBack(t *testing.T) {
	now := time.UnixMilli(1000)
	c := NewClock(func() time.Time { return now }, time.Second)
	a := c.Now()
	b := c.Now()
	if a != New(1000, 0) || b != New(1000, 1) {
		t.Fatalf("standing clock: %d, %d", a, b)
	}
	now = time.UnixMilli(10)
	if d := c.Now(); d <= b {
		t.Fatalf("went back from %d to %d", b, d)
	}
	now = time.UnixMilli(2000)
	if d := c.Now(); d != New(2000, 0) {
		t.Fatalf("does not follow the physical clock: %d", d)
	}
}

func TestObserve(t *testing.T) {
	for _, tc := range []struct {
		name    string
		seen    Timestamp
		adopted bool
	}{
		{"past", New(500, 0), true},
		{"just inside the skew", New(1100, 3), true},
		{"just outside the skew", New(1101, 0), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := NewClock(func() time.Time { return time.UnixMilli(1000) }, 100*time.Millisecond)
			if got := c.Observe(tc.seen); got != tc.adopted {
				t.Fatalf("adopted = %v, want %v", got, tc.adopted)
			}
			next := c.Now()
			if tc.adopted && next <= tc.seen {
				t.Fatalf("issued %d after adopting %d", next, tc.seen)
			}
			if !tc.adopted && next != New(1000, 0) {
				t.Fatalf("a timestamp that was not adopted moved the clock to %d", next)
			}
		})
	}
}

func TestAfterIsLargerThanAnythingSeen(t *testing.T) {
	c := NewClock(func() time.Time { return time.UnixMilli(1000) }, 0)
	seen := New(99_000, 4)
	if got := c.After(seen); got != seen+1 {
		t.Fatalf("got %d, want %d", got, seen+1)
	}
}

func TestOffset(t *testing.T) {
	c := NewClock(func() time.Time { return time.UnixMilli(1_000_000) }, 0)
	if err := c.SetOffset(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	if got := c.Now().WallMillis(); got != 1_030_000 {
		t.Fatalf("wall = %d", got)
	}
	if err := c.SetOffset(MaxOffset + 1); err == nil {
		t.Fatal("an offset out of range was taken")
	}
	if c.Offset() != 30*time.Second {
		t.Fatalf("a refused offset changed the clock: %s", c.Offset())
	}
}

func TestConcurrentTimestampsAreUnique(t *testing.T) {
	c := NewClock(nil, time.Second)
	const workers, each = 8, 2000
	all := make([][]Timestamp, workers)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			for range each {
				all[i] = append(all[i], c.Now())
			}
		})
	}
	wg.Wait()
	seen := make(map[Timestamp]bool, workers*each)
	for _, mine := range all {
		for i, ts := range mine {
			if seen[ts] {
				t.Fatalf("%d was issued twice", ts)
			}
			if i > 0 && ts <= mine[i-1] {
				t.Fatalf("%d after %d", ts, mine[i-1])
			}
			seen[ts] = true
		}
	}
}
