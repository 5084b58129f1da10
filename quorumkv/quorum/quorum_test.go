package quorum

import "testing"

func TestParseLevel(t *testing.T) {
	for s, want := range map[string][5]int{ // counts for N = 1..5; 0 is an error
		"ONE":    {1, 1, 1, 1, 1},
		"QUORUM": {1, 2, 2, 3, 3},
		"ALL":    {1, 2, 3, 4, 5},
		"1":      {1, 1, 1, 1, 1},
		"3":      {0, 0, 3, 3, 3},
	} {
		l, err := ParseLevel(s)
		if err != nil {
			t.Fatal(err)
		}
		if l.String() != s {
			t.Errorf("%q is spelled %q", s, l)
		}
		for i, w := range want {
			got, err := l.Count(i + 1)
			if got != w || (err != nil) != (w == 0) {
				t.Errorf("%s of %d: %d, %v; want %d", s, i+1, got, err, w)
			}
		}
	}
	for _, s := range []string{"", "0", "-1", "+2", "02", "one", "TWO", "1.5", "99999", " 2", "QUORUM "} {
		if l, err := ParseLevel(s); err == nil {
			t.Errorf("%q was read as %s", s, l)
		}
	}
	if _, err := (Level{}).Count(3); err == nil {
		t.Error("the zero level was taken")
	}
}

// The properties that the proof in the coordinator's documentation stands on.
func TestQuorumsMeet(t *testing.T) {
	for n := 1; n <= 9; n++ {
		for w := 1; w <= n; w++ {
			ts := TimestampRead(n, w)
			if ts > n || ts+w <= n {
				t.Errorf("n=%d w=%d: a timestamp read of %d misses an acknowledged write", n, w, ts)
			}
			for r := 1; r <= n; r++ {
				wb := WriteBack(n, r)
				if wb > n || wb+r <= n {
					t.Errorf("n=%d r=%d: a write-back to %d is missed by a later read", n, r, wb)
				}
				if wb+ts <= n {
					t.Errorf("n=%d r=%d w=%d: a write-back to %d is missed by a timestamp read of %d", n, r, w, wb, ts)
				}
				// A read that names its w writes back to w replicas only.
				if w+r > n && w+ts <= n {
					t.Errorf("n=%d r=%d w=%d: write-back to w is missed", n, r, w)
				}
			}
		}
	}
}

func FuzzParseLevel(f *testing.F) {
	for _, s := range []string{"ONE", "QUORUM", "3", "03", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLevel(s)
		if err == nil && l.String() != s {
			t.Fatalf("%q is spelled %q", s, l)
		}
	})
}
