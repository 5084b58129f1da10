package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// keeper is a supervisor of a fake's nodes, by lies of its own.
type keeper struct {
	f *fake
	// stays: what is removed stays there; slow is how long it takes to end.
	stays bool
	slow  time.Duration
	// gone: nothing follows; unready: what follows never is.
	gone, unready bool
	// refuses: a budget does; busy: somebody else has told all to end.
	refuses, busy bool

	mu      sync.Mutex
	lives   map[string]int
	removed []cluster.Removal
	ending  map[string]time.Time
}

func (k *keeper) Incarnation(ctx context.Context, node string) (cluster.Incarnation, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.look(ctx, node)
}

func (k *keeper) look(ctx context.Context, node string) (cluster.Incarnation, error) {
	if since, is := k.ending[node]; is && time.Since(since) >= k.slow {
		delete(k.ending, node)
		if err := k.f.nodes[node].Kill(ctx); err != nil {
			return cluster.Incarnation{}, err
		}
		if !k.gone {
			k.f.mu.Lock()
			k.f.nodes[node].start()
			k.f.mu.Unlock()
		}
		k.lives[node]++
	}
	if k.gone && k.lives[node] > 0 {
		return cluster.Incarnation{}, nil
	}
	_, ending := k.ending[node]
	return cluster.Incarnation{
		ID: fmt.Sprintf("%s-%d", node, k.lives[node]), Address: fmt.Sprintf("10.0.0.%d", 1+k.lives[node]), Ending: ending || k.busy,
		Ready: !ending && !(k.unready && k.lives[node] > 0), Keeps: "its successor has what is in data-" + node,
	}, nil
}

func (k *keeper) Replace(ctx context.Context, node, id string, how cluster.Removal) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuses {
		return errors.New("the budget needs it")
	}
	if now, _ := k.look(ctx, node); now.ID != id {
		return fmt.Errorf("it is %s", now.ID)
	}
	k.removed = append(k.removed, how)
	if !k.stays {
		k.ending[node] = time.Now()
	}
	return nil
}

func (k *keeper) May(context.Context, cluster.Removal) error { return nil }

// TestReplacements: a node is replaced when another incarnation is ready, and pairs of
// supervisors that differ in one thing from one that does it.
func TestReplacements(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		keeper      *keeper
		// ineffective and unhealed are in the reasons, removal is what was asked for.
		ineffective, unhealed string
		removal               cluster.Removal
	}{
		{name: "it is replaced", fault: "reschedule", keeper: &keeper{}, removal: cluster.Deletion},
		{name: "it takes its time", fault: "reschedule", keeper: &keeper{slow: 30 * time.Second}, removal: cluster.Deletion},
		{name: "the primary is replaced", fault: "reschedule-primary", keeper: &keeper{}, removal: cluster.Deletion},
		{name: "it is evicted", fault: "evict", keeper: &keeper{}, removal: cluster.Eviction},
		{name: "the budget refuses", fault: "evict", keeper: &keeper{refuses: true}, ineffective: "injecting it: the budget needs it"},
		{name: "somebody else ends it", fault: "reschedule", keeper: &keeper{busy: true}, ineffective: "is ending already, and not by this fault", unhealed: "which is not ready"},
		{name: "it stays", fault: "reschedule", keeper: &keeper{stays: true}, ineffective: "at 10.0.0.1 (after 1 min)", removal: cluster.Deletion},
		{name: "it does not end in time", fault: "reschedule", keeper: &keeper{slow: 90 * time.Second}, ineffective: "at 10.0.0.1 (after 1 min)", removal: cluster.Deletion},
		{name: "nothing follows", fault: "reschedule", keeper: &keeper{gone: true}, unhealed: "nothing runs as", removal: cluster.Deletion},
		{name: "what follows is not ready", fault: "reschedule", keeper: &keeper{unready: true}, unhealed: "which is not ready", removal: cluster.Deletion},
		{name: "there is no supervisor", fault: "reschedule", ineffective: "nothing is known that would start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3, lies{})
				if f.keeper = c.keeper; c.keeper != nil {
					c.keeper.f, c.keeper.lives, c.keeper.ending = f, map[string]int{}, map[string]time.Time{}
				}
				schedule, err := NewSchedule(Config{Seed: 3, Faults: []string{c.fault}, Nodes: f.names, Abilities: everything, External: true,
					Operator: &cluster.Operator{Supervisor: &keeper{}}, Duration: 8 * time.Second, Interval: 6 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				o := f.scene().run(t.Context(), schedule)
				for _, x := range []struct {
					what, want string
					got        []Trouble
				}{{"without effect", c.ineffective, o.Ineffective}, {"unhealed", c.unhealed, o.Unhealed}} {
					if (x.want == "") != (len(x.got) == 0) || x.want != "" && !strings.Contains(x.got[0].Reason, x.want) {
						t.Errorf("%s: %v, want %q", x.what, x.got, x.want)
					}
				}
				if c.keeper == nil {
					return
				}
				if c.removal == "" && len(c.keeper.removed) > 0 {
					t.Errorf("removed by %v", c.keeper.removed)
				}
				if want := []cluster.Removal{c.removal}; c.removal != "" && !slices.Equal(c.keeper.removed, want) {
					t.Errorf("removed by %v, want %v", c.keeper.removed, want)
				}
				if proof := strings.Join(f.faults[1].Proof, "; "); c.ineffective == "" && !strings.Contains(proof, "is gone as n") || c.ineffective+c.unhealed == "" && !strings.Contains(proof, "at 10.0.0.2") {
					t.Errorf("the proof is %q", proof)
				}
			})
		})
	}
}

// TestReplacementsNeedSupervisors: what differs is who keeps the nodes.
func TestReplacementsNeedSupervisors(t *testing.T) {
	for name, c := range map[string]struct {
		external bool
		operator *cluster.Operator
		ok       bool
	}{
		"of lapse's own":           {false, nil, false},
		"there, of nobody":         {true, nil, false},
		"there, of an operator":    {true, &cluster.Operator{Nodes: map[string]cluster.Commands{"n1": {Kill: "x", Start: "y"}}}, false},
		"there, with a supervisor": {true, &cluster.Operator{Supervisor: &keeper{}}, true},
	} {
		s, err := NewSchedule(Config{Faults: []string{"reschedule", "evict"}, Nodes: []string{"n1"}, Abilities: everything, External: c.external, Operator: c.operator, Duration: 10 * time.Second})
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "docs/kubernetes.md") {
			t.Errorf("%s: %v", name, err)
		}
		if got := s.Removals(); c.ok && (len(got) != 2 || got[0] == got[1]) {
			t.Errorf("%s: removals %v", name, got)
		}
	}
}
