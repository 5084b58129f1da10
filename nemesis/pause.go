package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyPause = "pause"

// pauses are SIGSTOP to a node's process and all that it started, and SIGCONT
// at the end: what a long garbage collection or a frozen virtual machine does.
func pauses() family {
	info := func(name, summary string, needs ...ability.Ability) Info {
		return Info{Name: name, Kind: familyPause, Detected: true, MinNodes: 1, Summary: summary, Needs: needs,
			Operator: []string{cluster.CommandPause, cluster.CommandResume}}
	}
	// What restores processes is in the family of kills.
	return family{kinds: []kind{
		{
			Info: info(faults.Pause, "stop one node for a while as a long garbage collection does, and let it go on"),
			grip: onProcess,
			pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkSome,
			act: func(s *Step) action { return &pause{victims{family: familyPause, step: s}} },
		},
		{
			Info: info("pause-primary", "stop the node that takes the writes at the time for a while, and let it go on", ability.Primary),
			grip: onProcess,
			pick: func(*rand.Rand, []string, *Step) {}, check: checkPrimary,
			act: func(s *Step) action { return &pause{victims{family: familyPause, step: s, ofPrimary: true}} },
		},
	}}
}

// pause takes effect when the operating system says that the process is stopped, which
// is what Node.State looks up.
type pause struct{ victims }

func (p *pause) inject(ctx context.Context, _ *scene) error {
	return each(p.nodes, func(n cluster.Node) error {
		if err := n.Pause(ctx); err != nil {
			return fmt.Errorf("pausing %s: %w", n.Name(), err)
		}
		return nil
	})
}

func (p *pause) tookEffect(context.Context, *scene) ([]string, error) {
	var proof []string
	for _, n := range p.nodes {
		if st := n.State(); st != cluster.Paused {
			return nil, fmt.Errorf("%s is %s", n.Name(), st)
		}
		proof = append(proof, observed(n, fmt.Sprintf("process %d of %s is stopped", n.Pid(), n.Name())))
	}
	return proof, nil
}
