package workloads

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestParseWeights(t *testing.T) {
	for _, tt := range []struct {
		text string
		want map[string]int
		err  string
	}{
		{"", nil, ""},
		{"read=3,write=1", map[string]int{"read": 3, "write": 1}, ""},
		{" read = 3 , write = 0 ", map[string]int{"read": 3, "write": 0}, ""},
		{"read", nil, `"read" is not KIND=SHARE`},
		{"read=3,", nil, `"" is not KIND=SHARE`},
		{"=3", nil, "is not KIND=SHARE"},
		{"read=-1", nil, "the share of read"},
		{"read=x", nil, "the share of read"},
		{"read=99999999999", nil, "the share of read"},
		{"read=1,read=2", nil, "read is there twice"},
	} {
		got, err := ParseWeights(tt.text)
		checkParse(t, tt.text, err, tt.err)
		if !maps.Equal(got, tt.want) {
			t.Errorf("%q: %v, expected %v", tt.text, got, tt.want)
		}
	}
}

func TestParseConcurrency(t *testing.T) {
	for _, tt := range []struct {
		text  string
		nodes int
		want  int
		err   string
	}{
		{"6", 3, 6, ""},
		{"2n", 3, 6, ""},
		{"n", 5, 5, ""},
		{" 4n ", 1, 4, ""},
		{"10000", 3, 10000, ""},
		{"", 3, 0, "neither"},
		{"0", 3, 0, "neither"},
		{"-1", 3, 0, "neither"},
		{"+1", 3, 0, "neither"},
		{"2m", 3, 0, "neither"},
		{"nn", 3, 0, "neither"},
		{"10001", 3, 0, "more than"},
		{"9999n", 3, 0, "not between"},
		{"2n", 0, 0, "not between"},
	} {
		got, err := ParseConcurrency(tt.text, tt.nodes)
		checkParse(t, tt.text, err, tt.err)
		if got != tt.want {
			t.Errorf("%q: %d, expected %d", tt.text, got, tt.want)
		}
	}
}

// checkParse wants a *UsageError with the given words, or none if it is empty.
func checkParse(t *testing.T, what string, err error, words string) {
	t.Helper()
	var usage *UsageError
	switch {
	case words == "" && err != nil:
		t.Errorf("%q: %v", what, err)
	case words != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), words)):
		t.Errorf("%q: the error is %v, expected a usage error with %q", what, err, words)
	}
}

func TestBadConfigurations(t *testing.T) {
	for _, tt := range []struct {
		name     string
		workload string
		change   func(*Config)
		err      string
	}{
		{"no workers", "register", func(c *Config) { c.Workers = 0 }, "0 workers"},
		{"too many workers", "register", func(c *Config) { c.Workers = MaxWorkers + 1 }, "workers"},
		{"no nodes", "register", func(c *Config) { c.Nodes = 0 }, "0 nodes"},
		{"negative keys", "session", func(c *Config) { c.Keys = -1 }, "-1 keys"},
		{"negative operations", "session", func(c *Config) { c.OpsPerKey = -1 }, "-1 operations a key"},
		{"negative infos", "session", func(c *Config) { c.MaxInfoPerKey = -1 }, "-1 indeterminate"},
		{"no reads", "register", func(c *Config) { c.Funcs = c.Funcs[1:] }, "needs read, which this target cannot do; it can do: write, cas"},
		{"nothing at all", "register", func(c *Config) { c.Funcs = nil }, "it can do: nothing"},
		{"no cas", "register", func(c *Config) { c.Funcs = c.Funcs[:2]; c.Weights = map[string]int{"read": 1, "cas": 1} }, "cas needs cas"},
		{"no transactions", "register", func(c *Config) { c.MaxTxn = 0 }, "transactions of 1"},
		{"misspelt kind", "register", func(c *Config) { c.Weights = map[string]int{"raed": 1} }, `has no "raed" (did you mean "read"?); it has: cas, delete, read, write`},
		{"negative share", "register", func(c *Config) { c.Weights = map[string]int{"read": -1} }, "the share of read is -1"},
		{"no shares", "register", func(c *Config) { c.Weights = map[string]int{"read": 0} }, "all shares are 0"},
		{"unknown option", "register", func(c *Config) { c.Options = map[string]string{"skew": "1"} }, "it has none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			tt.change(&cfg)
			w, err := ByName(tt.workload)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.New(cfg)
			checkParse(t, tt.name, err, tt.err)
		})
	}
	t.Run("a cas share of 0 needs no cas", func(t *testing.T) {
		cfg := testConfig()
		cfg.Funcs = cfg.Funcs[:2]
		cfg.Weights = map[string]int{"read": 1, "write": 1, "cas": 0}
		if _, err := registerWorkload().New(cfg); err != nil {
			t.Error(err)
		}
	})
}

func TestByName(t *testing.T) {
	for _, name := range Names() {
		if w, err := ByName(name); err != nil || w.Name() != name {
			t.Errorf("%s: %v, %v", name, w, err)
		}
	}
	_, err := ByName("regster")
	checkParse(t, "regster", err, `unknown workload "regster" (did you mean "register"?); there are: register, session`)
	_, err = ByName("kafka")
	checkParse(t, "kafka", err, `unknown workload "kafka"; there are:`)
	_, err = ByName(strings.Repeat("x", 10_000))
	checkParse(t, "long", err, "unknown workload")
}

func TestSchedule(t *testing.T) {
	const workers, rate, n = 7, 200.0, 2000
	s, err := NewArrivals(5, workers, rate)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := NewArrivals(5, workers, rate)
	other, _ := NewArrivals(6, workers, rate)
	same := 0
	for w := range workers {
		before := time.Duration(-1)
		for i := range n {
			at := s.At(w, i)
			if at < before {
				t.Fatalf("worker %d: arrival %d at %s comes before the one at %s", w, i, at, before)
			}
			before = at
			if at != again.At(w, i) {
				t.Fatal("the same seed gives other arrivals")
			}
			if at == other.At(w, i) {
				same++
			}
		}
		want := time.Duration(float64(n) * workers / rate * float64(time.Second))
		if d := before - want; d > 0 || d < -want/500 {
			t.Errorf("worker %d: the last of %d arrivals is at %s, expected just before %s", w, n, before, want)
		}
	}
	if same > n/100 {
		t.Errorf("another seed gives %d of the same arrivals", same)
	}
	closed, err := NewArrivals(5, workers, 0)
	if err != nil || !closed.Closed() || closed.At(3, 100) != 0 || s.Closed() {
		t.Errorf("a rate of 0 is no closed loop: %v", err)
	}
	for _, bad := range []struct {
		workers int
		rate    float64
	}{{0, 1}, {1, -1}, {1, 1e12}} {
		if _, err := NewArrivals(1, bad.workers, bad.rate); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"read=3,write=1", "2n", "200/s", "", "n", "=,", "read=1e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := ParseWeights(text); err == nil {
			for kind, share := range w {
				if kind == "" || share < 0 || share > maxWeight {
					t.Errorf("accepted %q=%d", kind, share)
				}
			}
		}
		if n, err := ParseConcurrency(text, 3); err == nil && (n < 1 || n > MaxWorkers) {
			t.Errorf("accepted the concurrency %d", n)
		}
	})
}
