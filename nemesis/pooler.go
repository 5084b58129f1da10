package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyPooler = "pooler"

// poolerKills take the pooler of connections away from clients of a server that goes on: all sessions of the node break at
// once, and what they had on their way has no answer.
func poolerKills() family {
	return family{doing: "starting poolers", restore: startPoolers, kinds: []kind{{
		Info: Info{Name: "kill-pooler", Kind: familyPooler, MinNodes: 1, Needs: []ability.Ability{ability.Pooler},
			Summary:     "kill -9 the pooler of connections of one node, whose server goes on, and start it again",
			NotExternal: "lapse kills no pooler that it did not start"},
		grip: onRunning, claims: claiming(claimPooler),
		pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkOne,
		act: func(s *Step) action { return &poolerKill{node: s.Nodes[0]} },
	}}}
}

// claimPooler is what the fault claims of a node.
const claimPooler = "pooler"

// poolerKill takes effect when nobody gets through the pooler while the server answers past it, and is healed when clients get
// through again.
type poolerKill struct {
	node   string
	killer ability.PoolerKiller
}

func (p *poolerKill) aim(ctx context.Context, s *scene, f *history.Fault) error {
	f.Kind, f.Name, f.Nodes = familyPooler, "kill the pooler of "+p.node, []string{p.node}
	var ok bool
	if p.killer, ok = s.System.(ability.PoolerKiller); !ok {
		return usagef("the target has no poolers")
	}
	return s.awake(ctx, p.node)
}

func (p *poolerKill) inject(ctx context.Context, _ *scene) error {
	return p.killer.KillPooler(ctx, p.node)
}

func (p *poolerKill) heal(ctx context.Context, _ *scene) error {
	return p.killer.StartPooler(ctx, p.node)
}

func (p *poolerKill) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	shut := p.killer.PoolerServes(ctx, p.node)
	switch {
	case ctx.Err() != nil: // what went wrong then says nothing of the pooler
		return nil, ctx.Err()
	case shut == nil:
		return nil, errors.New("the pooler of " + p.node + " lets clients through")
	}
	if err := p.killer.ServerServes(ctx, p.node); err != nil {
		return nil, fmt.Errorf("the server of %s does not answer either: %w", p.node, err)
	}
	return []string{
		fmt.Sprintf("the pooler of %s was killed and lets nobody through: %v", p.node, shut),
		"the server of " + p.node + " answers past it",
	}, nil
}

func (p *poolerKill) healed(ctx context.Context, _ *scene) ([]string, error) {
	if err := p.killer.PoolerServes(ctx, p.node); err != nil {
		return nil, err
	}
	return []string{"the pooler of " + p.node + " lets clients through"}, nil
}

// startPoolers starts the poolers of all nodes that have none, if the target has poolers.
func startPoolers(ctx context.Context, s *scene) error {
	p, ok := s.System.(ability.PoolerKiller)
	if !ok {
		return nil
	}
	return each(s.nodes, func(n string) error { return p.StartPooler(ctx, n) })
}
