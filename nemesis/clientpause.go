package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyClientPause = "clients-pause"

// clientPauses stop clients rather than nodes, as a long garbage collection in an
// application does: what they hold by a lease, they hold no longer, and do not know it.
func clientPauses() family {
	return family{doing: "letting clients go on", restore: wakeClients, kinds: []kind{{
		Info: Info{Name: "pause-clients", Kind: familyClientPause, MinNodes: 1, Needs: []ability.Ability{ability.Clients},
			Summary: "stop the clients of one node for a while, and what keeps their leases alive", Clients: true},
		grip: onRunning, claims: claiming(claimClients),
		pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkOne,
		act: func(s *Step) action { return &clientPause{node: s.Nodes[0]} },
	}}}
}

// checkOne checks a step that must name one node.
func checkOne(_ []string, s *Step) error {
	if len(s.Nodes) != 1 {
		return usagef("fault %s must name one node", s.Fault)
	}
	return nil
}

// claimClients is what the fault claims of a node.
const claimClients = "clients"

// clientPause takes effect when the target says that clients of the node are stopped,
// one at least, and is healed when it says that they are not.
type clientPause struct {
	node    string
	pauser  ability.ClientPauser
	clients int
}

func (p *clientPause) aim(_ context.Context, s *scene, f *history.Fault) error {
	f.Kind, f.Name, f.Nodes = familyClientPause, "pause the clients of "+p.node, []string{p.node}
	var ok bool
	if p.pauser, ok = s.System.(ability.ClientPauser); !ok {
		return usagef("the target's clients cannot be paused")
	}
	return nil
}

func (p *clientPause) pause(ctx context.Context, paused bool) (err error) {
	p.clients, err = p.pauser.PauseClients(ctx, p.node, paused)
	return err
}

func (p *clientPause) inject(ctx context.Context, _ *scene) error { return p.pause(ctx, true) }
func (p *clientPause) heal(ctx context.Context, _ *scene) error   { return p.pause(ctx, false) }

func (p *clientPause) tookEffect(context.Context, *scene) ([]string, error) {
	if p.clients == 0 {
		return nil, fmt.Errorf("%s has no clients", p.node)
	}
	return p.says(true)
}

func (p *clientPause) healed(context.Context, *scene) ([]string, error) { return p.says(false) }

func (p *clientPause) says(want bool) ([]string, error) {
	words := map[bool]string{true: "are stopped", false: "go on"}
	paused, err := p.pauser.ClientsPaused(p.node)
	if err != nil {
		return nil, fmt.Errorf("asking about the clients of %s: %w", p.node, err)
	}
	text := fmt.Sprintf("the clients of %s %s", p.node, words[paused])
	if paused != want {
		return nil, fmt.Errorf("%s", text)
	}
	return []string{fmt.Sprintf("%s: %d", text, p.clients)}, nil
}

// wakeClients lets the clients of all nodes go on, if they can be paused at all.
func wakeClients(ctx context.Context, s *scene) error {
	p, ok := s.System.(ability.ClientPauser)
	if !ok {
		return nil
	}
	return each(s.nodes, func(n string) error {
		_, err := p.PauseClients(ctx, n, false)
		return err
	})
}
