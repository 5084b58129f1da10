package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// slowStarts are servers that are started and take their time to serve, as after a crash
// with a long log to replay: there is a process, and nobody home.
func slowStarts() family {
	slow := func(name, summary string, needs ...ability.Ability) kind {
		return kind{
			Info: Info{Name: name, Kind: familyKill, Detected: true, MinNodes: 1, Summary: summary,
				Needs:       append([]ability.Ability{ability.Restart}, needs...),
				NotExternal: "its operator's commands do not stop a server that is starting: use kill, or pause"},
			grip: onProcess, check: checkSome,
		}
	}
	one := slow("slow-start", "kill -9 one node, start it again at once, and stop it while it starts; it goes on at the end")
	one.pick = func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }
	one.check = checkOne
	one.act = func(s *Step) action { return &slowStart{kill: kill{victims: victims{family: familyKill, step: s}}} }
	rolling := slow("rolling-slow-start", "a rolling restart in which each server takes its time to start", ability.Shutdown)
	rolling.pick = func(r *rand.Rand, nodes []string, s *Step) {
		s.Nodes = slices.Clone(nodes)
		r.Shuffle(len(s.Nodes), func(i, j int) { s.Nodes[i], s.Nodes[j] = s.Nodes[j], s.Nodes[i] })
	}
	rolling.act = func(s *Step) action {
		return &slowRoll{roll: roll{stop: stop{kill: kill{victims: victims{family: familyKill, step: s}}}}}
	}
	// What makes processes whole is in the family of kills.
	return family{kinds: []kind{one, rolling}}
}

// halfStarted starts the process of n and stops it at once.
func (s *scene) halfStarted(ctx context.Context, n cluster.Node) error {
	if err := s.revive(ctx, n); err != nil {
		return err
	}
	if err := n.Pause(ctx); err != nil {
		return fmt.Errorf("stopping %s while it starts: %w", n.Name(), err)
	}
	return nil
}

// starting is the proof that n has another process than was, which is stopped.
func starting(n cluster.Node, was process) (string, error) {
	if st, pid := n.State(), n.Pid(); st != cluster.Paused || pid == was.pid {
		return "", fmt.Errorf("%s is %s, as process %d", n.Name(), st, pid)
	}
	return fmt.Sprintf("process %d of %s was started and is stopped since", n.Pid(), n.Name()), nil
}

// slowStart takes effect when the process that was there is gone and its successor is
// stopped, and is healed as a kill is.
type slowStart struct{ kill }

func (o *slowStart) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := o.kill.aim(ctx, s, f)
	f.Name = "slow start of " + o.step.Nodes[0]
	return err
}

func (o *slowStart) inject(ctx context.Context, s *scene) error {
	if err := o.kill.inject(ctx, s); err != nil {
		return err
	}
	return s.halfStarted(ctx, o.nodes[0])
}

func (o *slowStart) tookEffect(_ context.Context, s *scene) ([]string, error) {
	gone, err := o.gone(s, 1)
	if err != nil {
		return nil, err
	}
	proof, err := starting(o.nodes[0], o.before[0])
	return append(gone, proof), err
}

// othersStart is how long each server of a rolling restart but the first takes to start.
const othersStart = time.Second

// slowRoll is roll with servers that start slowly: the first one for as long as the fault is
// held, each other one for othersStart.
type slowRoll struct {
	roll
	// slow has the proof of each node but the first.
	slow map[string]string
}

func (o *slowRoll) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := o.roll.aim(ctx, s, f)
	f.Kind, f.Name = familyKill, "rolling restart with slow starts"
	o.slow = map[string]string{}
	o.roll.begin = func(ctx context.Context, n cluster.Node) error {
		if err := s.halfStarted(ctx, n); err != nil {
			return err
		}
		proof, err := await(ctx, s.Limits.Effect, func(context.Context) ([]string, error) {
			text, err := starting(n, o.before[o.at])
			return []string{text}, err
		})
		if err != nil {
			return err
		}
		o.slow[n.Name()] = proof[0]
		if !sleep(ctx, othersStart) {
			return ctx.Err()
		}
		return nil
	}
	return err
}

func (o *slowRoll) inject(ctx context.Context, s *scene) error {
	if err := o.roll.inject(ctx, s); err != nil {
		return err
	}
	return s.halfStarted(ctx, o.nodes[0])
}

func (o *slowRoll) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	gone, err := o.roll.tookEffect(ctx, s)
	if err != nil {
		return nil, err
	}
	proof, err := starting(o.nodes[0], o.before[0])
	o.ended = err == nil // what took no effect does not go on to the others
	return append(gone, proof), err
}

func (o *slowRoll) healed(ctx context.Context, s *scene) ([]string, error) {
	proof, err := o.roll.healed(ctx, s)
	if err != nil || !o.ended {
		return proof, err
	}
	for _, n := range o.nodes[1:] {
		if o.slow[n.Name()] == "" {
			return nil, fmt.Errorf("%s was not seen to start slowly", n.Name())
		}
		proof = append(proof, o.slow[n.Name()])
	}
	return proof, nil
}
