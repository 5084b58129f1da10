package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyDeath = "clients-death"

// Mortals are the clients of whoever carries the load, as faults see them. Safe for concurrent
// use.
type Mortals interface {
	// Kill has each client whose home is node die that has had an answer: now, or as soon as its
	// next request has left. Another one goes on with its session; with lose, without what the
	// dead one carried.
	Kill(node string, lose bool)
	// Spare has no client of node die any more.
	Spare(node string)
	// Deaths counts those of clients of node since the beginning.
	Deaths(node string) Deaths
}

// Deaths counts what became of clients that died.
type Deaths struct {
	// Died counts clients, Unanswered those of which an operation got no answer, Lost those
	// that carried something that is lost.
	Died, Unanswered, Lost int
	// TakenOver counts sessions that another client went on with and had an answer; Without
	// those of them whose client had lost something.
	TakenOver, Without int
	// Doomed is how many clients are to die with their next request now.
	Doomed int
}

// Plus is the sum of both.
func (d Deaths) Plus(o Deaths) Deaths {
	return Deaths{d.Died + o.Died, d.Unanswered + o.Unanswered, d.Lost + o.Lost, d.TakenOver + o.TakenOver, d.Without + o.Without, d.Doomed + o.Doomed}
}

// since is the difference from an earlier count.
func (d Deaths) since(o Deaths) Deaths {
	return Deaths{d.Died - o.Died, d.Unanswered - o.Unanswered, d.Lost - o.Lost, d.TakenOver - o.TakenOver, d.Without - o.Without, d.Doomed}
}

// deathEvery is how often the clients of a node die while the fault is on.
const deathEvery = 500 * time.Millisecond

// clientDeaths are clients whose process dies, again and again, and whose sessions others go
// on with, as an application does behind a load balancer.
func clientDeaths() family {
	death := func(name, summary string, lose bool, needs ...ability.Ability) kind {
		return kind{
			Info: Info{Name: name, Kind: familyDeath, MinNodes: 1, Needs: append([]ability.Ability{ability.Death}, needs...),
				Summary: summary, Clients: true},
			grip: onRunning, claims: claiming(claimClients),
			pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkOne,
			act: func(s *Step) action { return &clientDeath{node: s.Nodes[0], lose: lose} },
		}
	}
	lost := death("token-lost", "the same, and what they carried (the position of a session's last write) is lost", true, ability.Token)
	lost.Blameless = true
	return family{doing: "sparing clients", restore: spareClients, kinds: []kind{
		death("client-death", "the clients of one node die again and again, in the middle of operations, and others go on with their sessions", false),
		lost,
	}}
}

// clientDeath takes effect when a client died and another one that went on with its session
// had an answer, and is healed when no client dies any more.
type clientDeath struct {
	node    string
	lose    bool
	clients Mortals
	before  Deaths
	again   again
}

func (d *clientDeath) aim(ctx context.Context, s *scene, f *history.Fault) error {
	f.Kind, f.Name, f.Nodes = familyDeath, "death of the clients of "+d.node, []string{d.node}
	if d.lose {
		m, ok := s.System.(ability.Mortal)
		if !ok || m.Carries() == "" {
			return usagef("the target's sessions carry nothing that could be lost")
		}
		f.Name += ", and with them " + m.Carries()
	}
	if d.clients = s.Clients; d.clients == nil {
		return usagef("there are no clients that could die")
	}
	return s.awake(ctx, d.node)
}

func (d *clientDeath) inject(ctx context.Context, _ *scene) error {
	d.before = d.clients.Deaths(d.node)
	d.again.start(ctx, deathEvery, func(context.Context, int) error {
		d.clients.Kill(d.node, d.lose)
		return nil
	})
	return nil
}

func (d *clientDeath) tookEffect(context.Context, *scene) ([]string, error) {
	n := d.clients.Deaths(d.node).since(d.before)
	// Sessions may go on whose clients died in a fault before this one.
	if n.Died == 0 || n.TakenOver == 0 || d.lose && (n.Lost == 0 || n.Without == 0) {
		return nil, fmt.Errorf("%s", d.words(n))
	}
	return []string{d.words(n) + " until then"}, nil
}

func (d *clientDeath) words(n Deaths) string {
	text := fmt.Sprintf("%s of %s died, %d of them before an operation was answered; %d of their sessions went on with another client and had answers",
		count.Of(n.Died, "client"), d.node, n.Unanswered, n.TakenOver)
	if d.lose {
		text += fmt.Sprintf(", %d of those without what the one before carried", n.Without)
	}
	return text
}

func (d *clientDeath) heal(context.Context, *scene) error {
	d.again.stop()
	d.clients.Spare(d.node)
	return nil
}

func (d *clientDeath) healed(context.Context, *scene) ([]string, error) {
	n := d.clients.Deaths(d.node).since(d.before)
	if n.Doomed > 0 {
		return nil, fmt.Errorf("%d clients of %s are still to die", n.Doomed, d.node)
	}
	return []string{d.words(n) + " in all, and none is to die any more"}, nil
}

func (d *clientDeath) cease() { d.again.stop() }

// spareClients has no client die any more.
func spareClients(_ context.Context, s *scene) error {
	if s.Clients != nil {
		for _, n := range s.nodes {
			s.Clients.Spare(n)
		}
	}
	return nil
}
