package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyDisk = "disk"

// disks are disks that answer otherwise for a while. What a database makes of it is its own
// affair: it may refuse, wait, or end, as PostgreSQL does when a sync has failed. What does not
// serve when the disk is whole again is started anew, as its operator would.
func disks() family {
	// The first so many are drawn, all can be in a schedule that somebody wrote.
	broken := func(name, summary string, drawn int, faults ...cluster.DiskFault) kind {
		pick := func(r *rand.Rand, nodes []string, s *Step) {
			s.Nodes, s.Pick = pickOne(nodes, r.IntN(len(nodes))), r.IntN(drawn)
		}
		return kind{
			Info: Info{Name: name, Kind: familyDisk, MinNodes: 1, Needs: []ability.Ability{ability.Restart}, Capabilities: []cluster.Capability{cluster.Disks},
				Summary: summary, NotExternal: "lapse has no hold of disks that it did not make"},
			grip: onProcess, pick: pick,
			check: func(nodes []string, s *Step) error {
				if s.Pick < 0 || s.Pick >= len(faults) {
					return usagef("fault %s: pick is %d, but must be 0 to %d", name, s.Pick, len(faults)-1)
				}
				return checkOne(nodes, s)
			},
			also: func(s *Step) []ability.Ability {
				if faults[s.Pick].Fail == cluster.DiskSync {
					return []ability.Ability{ability.Sync}
				}
				return nil
			},
			act: func(s *Step) action {
				return &brokenDisk{victims: victims{family: familyDisk, step: s}, how: faults[s.Pick]}
			},
		}
	}
	slowly := func(k kind) kind {
		k.Needs = append(k.Needs, ability.Sync)
		return k
	}
	slow := func(d time.Duration) cluster.DiskFault { return cluster.DiskFault{SlowSync: d} }
	return family{doing: "mending disks", restore: mendDisks, kinds: append([]kind{
		broken("disk-full", "let the disk of one node have no more space: what makes a file longer fails with ENOSPC", 1, cluster.DiskFault{Full: true}),
		broken("disk-error", "let the disk of one node fail: each write, or each fsync, with EIO; what does not serve afterwards is started again",
			// Few reads reach a disk: mostly the fault would have no effect.
			2, cluster.DiskFault{Fail: cluster.DiskWrite}, cluster.DiskFault{Fail: cluster.DiskSync}, cluster.DiskFault{Fail: cluster.DiskRead}),
		slowly(broken("slow-disk", "let each fsync of one node take 50, 200 or 1,000 ms longer", 3, slow(50*time.Millisecond), slow(200*time.Millisecond), slow(time.Second))),
	}, damages()...)}
}

// brokenDisk takes effect when the disk says that it is broken and, but for a full one, that
// requests have met it: a database may need no more space for a while, which the fault's record
// tells. It is healed when the disk says that it is whole and the node's process runs.
type brokenDisk struct {
	victims
	how    cluster.DiskFault
	fault  *history.Fault
	before cluster.DiskCounts
	pid    int
	mended bool
	// remade is why the process was started anew, empty if it was not.
	remade string
}

func (b *brokenDisk) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := b.victims.aim(ctx, s, f)
	b.fault, f.Name = f, b.what()+" of "+strings.Join(b.step.Nodes, " ")
	if err != nil {
		return err
	}
	b.before, err = countsOf(ctx, b.nodes[0])
	return err
}

func (b *brokenDisk) what() string {
	switch {
	case b.how.Flip:
		return "bit flip on the disk"
	case b.how.Misdirect:
		return "misdirected write on the disk"
	case b.how.Full:
		return "full disk"
	case b.how.SlowSync > 0:
		return "slow disk (" + duration.Text(b.how.SlowSync) + " a sync)"
	}
	return "disk errors on each " + string(b.how.Fail)
}

func (b *brokenDisk) inject(ctx context.Context, _ *scene) error {
	b.pid = b.nodes[0].Pid()
	return cluster.DiskOf(b.nodes[0]).Break(ctx, b.how)
}

// met is how many requests have met the fault, and that in words.
func (b *brokenDisk) met(now cluster.DiskCounts) (int64, string) {
	name := b.nodes[0].Name()
	switch {
	case b.how.Full:
		n := now.Refused - b.before.Refused
		return n, fmt.Sprintf("%s got no more space %s", name, times(n))
	case b.how.SlowSync > 0:
		n := now.Slowed - b.before.Slowed
		return n, fmt.Sprintf("%s of %s took %s longer", count.Of(int(n), "sync"), name, duration.Text(b.how.SlowSync))
	}
	n := now.Failed(b.how.Fail) - b.before.Failed(b.how.Fail)
	return n, fmt.Sprintf("%s of %s failed with EIO", count.Of(int(n), string(b.how.Fail)), name)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return count.Of(int(n), "time")
}

func (b *brokenDisk) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	now, err := countsOf(ctx, b.nodes[0])
	if err != nil {
		return nil, err
	}
	if !now.Broken {
		return nil, fmt.Errorf("the disk of %s says that it is whole", b.nodes[0].Name())
	}
	n, text := b.met(now)
	if n == 0 && !b.how.Full {
		return nil, fmt.Errorf("nothing asked of the disk of %s has met it", b.nodes[0].Name())
	}
	if n == 0 {
		text = fmt.Sprintf("the disk of %s has no more space", b.nodes[0].Name())
	}
	return []string{text}, nil
}

// graceOnDisk is how long a server may take to serve by itself when its disk is whole again.
const graceOnDisk = 15 * time.Second

// heal mends the disk and sees to it that the node serves.
func (b *brokenDisk) heal(ctx context.Context, s *scene) error {
	n := b.nodes[0]
	if !b.mended {
		now, err := countsOf(ctx, n)
		if err != nil {
			return err
		}
		if err := cluster.DiskOf(n).Mend(ctx); err != nil {
			return fmt.Errorf("mending the disk of %s: %w", n.Name(), err)
		}
		b.mended = true
		met, text := b.met(now)
		b.fault.Proof = append(b.fault.Proof, text)
		if b.how.Full {
			times := int(met)
			b.fault.Met = &times
		}
		if n.Pid() != b.pid {
			b.fault.Proof = append(b.fault.Proof, fmt.Sprintf("process %d of %s has ended on its broken disk", b.pid, n.Name()))
		}
	}
	return b.serves(ctx, s)
}

// serves starts the node if it has ended, and anew if it does not serve by itself.
func (b *brokenDisk) serves(ctx context.Context, s *scene) error {
	n := b.nodes[0]
	if err := b.victims.heal(ctx, s); err != nil {
		return err
	}
	why := s.ready(ctx, []string{n.Name()}, graceOnDisk)[n.Name()]
	if why == nil || b.remade != "" {
		return nil // settle waits for longer
	}
	b.remade = why.Error()
	if err := n.Kill(ctx); err != nil {
		return fmt.Errorf("killing %s, which does not serve on a disk that is whole again: %w", n.Name(), err)
	}
	return b.victims.heal(ctx, s)
}

func (b *brokenDisk) healed(ctx context.Context, s *scene) ([]string, error) {
	now, err := countsOf(ctx, b.nodes[0])
	if err != nil {
		return nil, err
	}
	if now.Broken {
		return nil, fmt.Errorf("the disk of %s is still broken", b.nodes[0].Name())
	}
	proof, err := b.victims.healed(ctx, s)
	if b.remade != "" {
		proof = append(proof, fmt.Sprintf("it was started anew, because it did not serve on the whole disk by itself: %s", b.remade))
	}
	return proof, err
}

// mendDisks makes the disks of all nodes whole.
func mendDisks(ctx context.Context, s *scene) error {
	return each(s.Cluster.Nodes(), func(n cluster.Node) error {
		if d := cluster.DiskOf(n); d != nil {
			return d.Mend(ctx)
		}
		return nil
	})
}
