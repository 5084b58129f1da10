package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyKill = "kill"

// kills are SIGKILL to a node's process and all that it started, and a restart
// with its data at the end.
func kills() family {
	act := func(s *Step) action { return &kill{victims: victims{family: familyKill, step: s}} }
	killing := func(name, summary string, needs ...ability.Ability) kind {
		return kind{
			Info: Info{Name: name, Kind: familyKill, Detected: true, MinNodes: 1, Summary: summary,
				Needs:    append([]ability.Ability{ability.Restart}, needs...),
				Operator: []string{cluster.CommandKill, cluster.CommandStart}},
			grip: onProcess, check: checkSome, act: act,
		}
	}
	one := killing(faults.Kill, "kill -9 one node, and start it again")
	one.pick = func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }
	primary := killing("kill-primary", "kill -9 the node that takes the writes at the time, and start it again", ability.Primary)
	primary.pick, primary.check = func(*rand.Rand, []string, *Step) {}, checkPrimary
	primary.act = func(s *Step) action { return &kill{victims: victims{family: familyKill, step: s, ofPrimary: true}} }
	all := killing(faults.KillAll, "kill -9 all nodes at once, as a power failure does, and start them again")
	all.pick = func(_ *rand.Rand, nodes []string, s *Step) { s.Nodes = slices.Clone(nodes) }
	return family{
		kinds:   []kind{one, primary, all},
		doing:   "starting nodes",
		restore: func(ctx context.Context, s *scene) error { return s.reviveAll(ctx) },
	}
}

// kill takes effect when the processes that were there before are gone: the node says
// that it is stopped or runs another process, the process that ran before has
// been waited for, and the operating system does not know its id any more.
type kill struct {
	victims
	before []process
}

// process is a node's process before it was killed.
type process struct {
	pid    int
	exited <-chan struct{}
}

// remember notes which processes there are.
func (k *kill) remember() {
	k.before = nil
	for _, n := range k.nodes {
		k.before = append(k.before, process{n.Pid(), n.Exited()})
	}
}

func (k *kill) inject(ctx context.Context, _ *scene) error {
	k.remember()
	return each(k.nodes, func(n cluster.Node) error {
		if err := n.Kill(ctx); err != nil {
			return fmt.Errorf("killing %s: %w", n.Name(), err)
		}
		return nil
	})
}

func (k *kill) tookEffect(_ context.Context, s *scene) ([]string, error) {
	return k.gone(s, len(k.nodes))
}

// gone is the proof that the processes of the first so many nodes are.
func (k *kill) gone(s *scene, nodes int) ([]string, error) {
	var proof []string
	for i, n := range k.nodes[:nodes] {
		was := k.before[i]
		select {
		case <-was.exited:
		default:
			return nil, fmt.Errorf("the process of %s has not ended", n.Name())
		}
		if was.pid > 0 && s.exists(was.pid) {
			return nil, fmt.Errorf("process %d of %s is still there", was.pid, n.Name())
		}
		if st, pid := n.State(), n.Pid(); st != cluster.Stopped && pid == was.pid {
			return nil, fmt.Errorf("%s is %s", n.Name(), st)
		}
		proof = append(proof, observed(n, fmt.Sprintf("process %d of %s is gone", was.pid, n.Name())))
	}
	return proof, nil
}
