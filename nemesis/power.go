package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyPower = "power-failure"

// powerFailures are kills after which the disk has only what was synced. Kills make the
// processes whole.
func powerFailures() family {
	failing := func(name, summary string, torn bool) kind {
		return kind{
			Info: Info{Name: name, Kind: familyPower, Detected: true, MinNodes: 1, Needs: []ability.Ability{ability.Restart}, Capabilities: []cluster.Capability{cluster.Disks},
				Summary: summary, NotExternal: "lapse has no hold of disks that it did not make: use kill"},
			grip: onProcess, check: checkSome,
			act: func(s *Step) action {
				return &powerFailure{kill: kill{victims: victims{family: familyPower, step: s}}, torn: torn}
			},
		}
	}
	one := failing("power-failure", "kill -9 one node and take back what it wrote and did not sync, and start it again", false)
	one.pick = func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }
	all := failing(faults.PowerFailureAll, "the same to all nodes at once", false)
	all.pick = func(_ *rand.Rand, nodes []string, s *Step) { s.Nodes = slices.Clone(nodes) }
	torn := failing("torn-power-failure", "the same to all nodes at once, but some of what they did not sync survives, in any order and perhaps a part of a block", true)
	torn.pick = func(r *rand.Rand, nodes []string, s *Step) {
		s.Nodes, s.Pick = slices.Clone(nodes), r.IntN(1<<31-1)
	}
	return family{kinds: []kind{one, all, torn}}
}

// powerFailure takes effect when the processes are gone and each node's disk says that it has
// taken back what was not synced, which may be nothing, and is healed as a kill is.
type powerFailure struct {
	kill
	torn bool

	mu     sync.Mutex
	before map[string]cluster.DiskCounts
	lost   map[string]cluster.DiskLoss
}

func (o *powerFailure) aim(ctx context.Context, s *scene, f *history.Fault) error {
	if err := o.kill.aim(ctx, s, f); err != nil {
		return err
	}
	f.Name = "power failure of " + strings.Join(f.Nodes, " ")
	if o.torn {
		f.Name = "torn " + f.Name
	}
	o.before, o.lost = map[string]cluster.DiskCounts{}, map[string]cluster.DiskLoss{}
	return each(o.nodes, func(n cluster.Node) error {
		c, err := countsOf(ctx, n)
		if err != nil {
			return err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.before[n.Name()] = c
		return nil
	})
}

// countsOf are those of the disk of n, which it must have.
func countsOf(ctx context.Context, n cluster.Node) (cluster.DiskCounts, error) {
	d := cluster.DiskOf(n)
	if d == nil {
		return cluster.DiskCounts{}, usagef("%s has no disk that could be broken", n.Name())
	}
	c, err := d.Counts(ctx)
	if err != nil {
		return c, fmt.Errorf("asking the disk of %s: %w", n.Name(), err)
	}
	return c, nil
}

// patience implements patient: there may be much to take back.
func (*powerFailure) patience(l Limits) Limits {
	l.Effect = max(l.Effect, takingBack)
	return l
}

// takingBack is how long it may take to bring the files of a node back.
const takingBack = 30 * time.Second

func (o *powerFailure) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	proof, err := o.gone(s, len(o.nodes))
	if err != nil {
		return nil, err
	}
	if err := each(o.nodes, func(n cluster.Node) error { return o.takeBack(ctx, n) }); err != nil {
		return nil, err
	}
	for _, n := range o.nodes {
		text, err := o.seen(ctx, n)
		if err != nil {
			return nil, err
		}
		proof = append(proof, text)
	}
	return proof, nil
}

// takeBack has the disk of n lose what was not synced, once.
func (o *powerFailure) takeBack(ctx context.Context, n cluster.Node) error {
	o.mu.Lock()
	_, done := o.lost[n.Name()]
	o.mu.Unlock()
	if done {
		return nil
	}
	loss, err := cluster.DiskOf(n).PowerFailure(ctx, cluster.PowerFailure{Torn: o.torn, Seed: uint64(o.step.Pick) + uint64(slices.Index(o.nodes, n))})
	if err != nil {
		return fmt.Errorf("taking back what %s did not sync: %w", n.Name(), err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost[n.Name()] = loss
	return nil
}

// seen is the proof that the power of n has failed, by what its disk counts.
func (o *powerFailure) seen(ctx context.Context, n cluster.Node) (string, error) {
	now, err := countsOf(ctx, n)
	if err != nil {
		return "", err
	}
	was, loss := o.before[n.Name()], o.lost[n.Name()]
	if now.PowerFailures != was.PowerFailures+1 {
		return "", fmt.Errorf("the disk of %s counts %s, and %d before", n.Name(), count.Of(int(now.PowerFailures), "power failure"), was.PowerFailures)
	}
	if now.Unsynced > 0 {
		return "", fmt.Errorf("the disk of %s still has something that is not synced in %s", n.Name(), count.Of(now.Unsynced, "file"))
	}
	return fmt.Sprintf("%s lost %s (%s, %s until then)", n.Name(), lossText(loss, o.torn), count.Of(int(now.Writes), "write"), count.Of(int(now.Syncs), "sync")), nil
}

// lossText is a loss in words.
func lossText(l cluster.DiskLoss, torn bool) string {
	if l.Unsynced == 0 {
		return "nothing: all that it had written was synced"
	}
	text := fmt.Sprintf("%s in %s that were not synced", bytesText(l.Bytes), count.Of(l.Files, "file"))
	if torn {
		text += fmt.Sprintf(": of %s %d survived and %d in part", count.Of(l.Dropped+l.Kept+l.Torn, "block"), l.Kept, l.Torn)
	}
	if len(l.Names) > 0 {
		text += ", " + strings.Join(l.Names, ", ") + " among them"
	}
	return text
}

// bytesText is so many bytes in words.
func bytesText(n int64) string {
	const kib, mib = 1 << 10, 1 << 20
	switch {
	case n >= mib:
		return fmt.Sprintf("%.1f MiB", float64(n)/mib)
	case n >= kib:
		return fmt.Sprintf("%.1f KiB", float64(n)/kib)
	}
	return count.Of(int(n), "byte")
}

// settleDisks says that what nodes have written so far is durable, as on machines that have
// been running for a while: what they were made of is not what is tested.
func (s *scene) settleDisks(ctx context.Context) error {
	return each(s.Cluster.Nodes(), func(n cluster.Node) error { return cluster.Settle(ctx, n) })
}
