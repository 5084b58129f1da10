package registry

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads/named"
)

// covered are the targets whose first suite, of several nodes, tries every level of reads, but for those named.
var covered = map[string][]string{"etcd": nil, "mysql": nil, "nats": nil, "postgres": {"follower"}, "quorumkv": {"1", "2", "3"}, "redis": nil}

// TestExamples: what a first suite expects is sure without a fault. That somebody's replica
// was behind within the seconds of a case is not, since idle ones are hardly ever: such reads
// are reported; a case with faults, which a suite has as a comment, may count on them. What a level of isolation lets through needs nothing but load.
//
// At several addresses of those that are covered every level of reads is tried.
func TestExamples(t *testing.T) {
	const transactions = named.Append
	at := map[string][]string{"dynamodb": {"http://db1:8000"}}
	seen := 0
	for _, target := range All() {
		e, ok := target.(targets.Externalizer)
		if !ok {
			continue
		}
		name := target.Info().Name
		for _, several := range []bool{false, true} {
			addresses := at[name]
			switch {
			case addresses != nil:
			case several:
				addresses = []string{"db1", "db2", "db3"}
			default:
				addresses = []string{"db1"}
			}
			there, err := e.External(addresses)
			if err != nil {
				t.Fatalf("%s at %v: %v", name, addresses, err)
			}
			known, ok := there.(targets.WithExamples)
			if !ok {
				continue
			}
			tried := map[string]bool{}
			for _, c := range known.Examples() {
				seen++
				for _, read := range c.Reads {
					tried[read] = true
				}
				for _, claim := range c.Claims {
					if claim.Expect == targets.Violated && c.Workload != transactions && len(c.Faults) == 0 {
						t.Errorf("%s, case %s: that %s is violated is a matter of luck", name, c.Name, claim.Model)
					}
				}
			}
			for _, read := range there.Info().ReadLevels {
				if but, all := covered[name]; several && all && !tried[read] && !slices.Contains(but, read) {
					t.Errorf("%s: no case reads at %s", name, read)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("there are only %d cases", seen)
	}
}
