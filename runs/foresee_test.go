package runs

import (
	"strings"
	"testing"
	"time"
)

// TestForesee: a run that cannot end with the final reads that no-lost-writes requires
// says so, with a duration that can; one that can says nothing. Pairs differ in one setting.
func TestForesee(t *testing.T) {
	env := testEnvironment(t)
	for _, c := range []struct {
		name    string
		request Request
		want    string
	}{
		{"session, the default duration", Request{Workload: "session", Duration: 30 * time.Second}, ""},
		{"session, eight seconds", Request{Workload: "session", Duration: 8 * time.Second}, ""},
		{"session, two seconds", Request{Workload: "session", Duration: 2 * time.Second}, "no-lost-writes needs 50 final reads of written keys to be held, and there will be at most "},
		{"session, eight seconds on one node", Request{Workload: "session", Duration: 8 * time.Second, Nodes: 1}, "no-lost-writes needs 50 final reads of written keys to be held, and there will be at most "},
		{"two seconds of more keys", Request{Workload: "session", Duration: 2 * time.Second, Keys: 24, Rate: 800}, ""},
		{"another model", Request{Workload: "session", Duration: 2 * time.Second, Models: "monotonic-reads"}, ""},
		{"register, eight seconds", Request{Workload: "register", Duration: 8 * time.Second}, ""},
		{"register, three seconds", Request{Workload: "register", Duration: 3 * time.Second}, "no-lost-writes needs 50 final reads of written keys to be held, and there will be at most "},
		{"thorough, eight seconds", Request{Workload: "session", Duration: 8 * time.Second, Faults: "thorough"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := c.request
			req.Seed, req.Seeded, req.Target = 7, true, "quorumkv"
			if req.Rate == 0 && req.Faults == "" {
				req.Rate = 200 // a preset of faults brings its own, unless one is given
			}
			p, err := Plan(t.Context(), req, env)
			if err != nil {
				t.Fatal(err)
			}
			said := p.foresee(50)
			if c.want == "" && said != "" || !strings.Contains(said, c.want) {
				t.Fatalf("said %q, want %q", said, c.want)
			}
			if _, after, ok := strings.Cut(said, "--duration "); ok {
				text, _, _ := strings.Cut(after, " ")
				if req.Duration, err = time.ParseDuration(text); err != nil {
					t.Fatal(err)
				}
				if p, err = Plan(t.Context(), req, env); err != nil {
					t.Fatal(err)
				}
				if again := p.foresee(50); again != "" {
					t.Errorf("as long as it says, it says %q", again)
				}
			}
		})
	}
}

// TestForeseenOfPresets: the list of faults that is for releases says in a short run that it
// wants a longer one; the others, and a longer run, say nothing.
func TestForeseenOfPresets(t *testing.T) {
	env := testEnvironment(t)
	for _, c := range []struct {
		faults string
		length time.Duration
		warns  bool
	}{
		{"thorough", 10 * time.Second, true},
		{"thorough", time.Minute, false},
		{"standard", 10 * time.Second, false},
		{"partition", 10 * time.Second, false},
	} {
		p, err := Plan(t.Context(), Request{Target: "quorumkv", Workload: "session", Rate: 200, Faults: c.faults, Duration: c.length, Seed: 7, Seeded: true}, env)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(p.foreseen(50), "\n")
		if got := strings.Contains(said, "give it --duration 1m"); got != c.warns || !c.warns && said != "" {
			t.Errorf("--faults %s in %s: %q", c.faults, c.length, said)
		}
	}
}
