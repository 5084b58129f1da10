package mysql

import (
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
)

// TestWhoEndsOrderly: servers that replicate are told to end and come back by themselves; the nodes of a Galera cluster do not, and the
// refusal says what to use.
func TestWhoEndsOrderly(t *testing.T) {
	for topology, can := range map[string]bool{topologyReplication: true, topologyGalera: false} {
		cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, Options: map[string]string{optTopology: topology}})
		if err != nil {
			t.Fatal(err)
		}
		why := Target{}.Lacks(cfg, ability.Shutdown)
		if has := slices.Contains(Target{}.Abilities(cfg), ability.Shutdown); has != can || can == strings.Contains(why, "use kill-all") {
			t.Errorf("%s: %v, %q", topology, has, why)
		}
	}
}
