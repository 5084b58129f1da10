package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// damages are disks that have other bytes than what was written. No preset has them: what a
// database does then it mostly promises nothing of.
func damages() []kind {
	damaging := func(name, summary string, how cluster.DiskFault) kind {
		return kind{
			Info: Info{Name: name, Kind: familyDisk, MinNodes: 1, Needs: []ability.Ability{ability.Restart}, Capabilities: []cluster.Capability{cluster.Disks}, Blameless: true,
				Summary: summary, NotExternal: "lapse has no hold of disks that it did not make"},
			grip: onProcess, check: checkOne,
			pick: func(r *rand.Rand, nodes []string, s *Step) {
				s.Nodes, s.Pick = pickOne(nodes, r.IntN(len(nodes))), r.IntN(1<<31-1)
			},
			act: func(s *Step) action {
				how := how
				how.Seed = uint64(s.Pick)
				return &damagedDisk{brokenDisk: brokenDisk{victims: victims{family: familyDisk, step: s}, how: how}}
			},
		}
	}
	return []kind{
		damaging("bit-flip", "flip one bit of what one node has synced, kill -9 it and start it with that; put back at the end, unless it was overwritten", cluster.DiskFault{Flip: true}),
		damaging("misdirected-write", "let one write of one node land in other blocks of the same file, which stays so, and kill -9 and start the node at the end", cluster.DiskFault{Misdirect: true}),
	}
}

// damagedDisk takes effect when the disk says which file it has damaged, and where. It is
// healed when it does no more of it, and the node's process runs: a bit is put back then, but
// what a misdirected write did stays. The node is killed and started once, so that it reads what it
// has: when the bit is flipped, or when the fault of the write is over.
type damagedDisk struct {
	brokenDisk
	tried bool
	// refused is why the node did not start with it, nil if it did.
	refused error
}

// startWithDamage is how long a node may take to start with a damaged file. What refuses
// for good is started again when the damage is undone.
const startWithDamage = 10 * time.Second

func (d *damagedDisk) inject(ctx context.Context, s *scene) error {
	if err := d.brokenDisk.inject(ctx, s); err != nil || !d.how.Flip {
		return err
	}
	return d.startAnew(ctx, s)
}

// startAnew kills the node and starts it; that it does not start is no error.
func (d *damagedDisk) startAnew(ctx context.Context, s *scene) error {
	n := d.nodes[0]
	d.tried = true
	if err := n.Kill(ctx); err != nil {
		return fmt.Errorf("killing %s, so that it reads what is damaged: %w", n.Name(), err)
	}
	within, stop := context.WithTimeout(ctx, startWithDamage)
	defer stop()
	if d.refused = s.revive(within, n); ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// patience implements patient: it starts a node.
func (*damagedDisk) patience(l Limits) Limits {
	l.Effect = max(l.Effect, 3*startWithDamage)
	return l
}

// done is what the disk has damaged since the fault began, nil for nothing.
func (d *damagedDisk) done(ctx context.Context) (*cluster.DiskDamage, error) {
	now, err := countsOf(ctx, d.nodes[0])
	if err != nil || len(now.Damages) <= len(d.before.Damages) {
		return nil, err
	}
	return &now.Damages[len(d.before.Damages)], nil
}

func (d *damagedDisk) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	name := d.nodes[0].Name()
	got, err := d.done(ctx)
	if err != nil {
		return nil, err
	}
	if got == nil {
		return nil, fmt.Errorf("the disk of %s has damaged nothing", name)
	}
	changed := fmt.Sprintf("was 0x%02x and is 0x%02x", got.Before, got.After)
	text := fmt.Sprintf("%s: byte %d of %s %s", name, got.Offset, got.File, changed)
	if got.Misdirected() {
		text = fmt.Sprintf("%s: %s meant for %d of %s landed at %d, so that byte %d %s", name, bytesText(got.Bytes), *got.Meant, got.File, got.Landed, got.Offset, changed)
	}
	return append([]string{text}, d.started()...), nil
}

// started says how the node took it, if it was started with it.
func (d *damagedDisk) started() []string {
	name := d.nodes[0].Name()
	switch {
	case !d.tried:
		return nil
	case d.refused != nil:
		return []string{fmt.Sprintf("%s did not start with it: %v", name, d.refused)}
	}
	return []string{name + " was killed and started with it"}
}

// served says whether the node serves with what is damaged.
func (d *damagedDisk) served(ctx context.Context, s *scene) string {
	n := d.nodes[0]
	if st := n.State(); st != cluster.Running {
		return fmt.Sprintf("at the end of it %s was %s", n.Name(), st)
	}
	if why := s.ready(ctx, []string{n.Name()}, time.Second)[n.Name()]; why != nil {
		return fmt.Sprintf("at the end of it %v", why)
	}
	return fmt.Sprintf("at the end of it %s served", n.Name())
}

func (d *damagedDisk) heal(ctx context.Context, s *scene) error {
	if !d.mended {
		if d.tried && d.refused == nil {
			d.fault.Proof = append(d.fault.Proof, d.served(ctx, s))
		}
		if err := cluster.DiskOf(d.nodes[0]).Mend(ctx); err != nil {
			return fmt.Errorf("mending the disk of %s: %w", d.nodes[0].Name(), err)
		}
		d.mended = true
	}
	if d.how.Misdirect && !d.tried {
		if err := d.startAnew(ctx, s); err != nil {
			return err
		}
		d.fault.Proof = append(d.fault.Proof, d.started()...)
	}
	return d.serves(ctx, s)
}

func (d *damagedDisk) healed(ctx context.Context, s *scene) ([]string, error) {
	proof, err := d.brokenDisk.healed(ctx, s)
	if err != nil {
		return proof, err
	}
	got, err := d.done(ctx)
	if err != nil || got == nil {
		return proof, err
	}
	if got.End == "" {
		return nil, fmt.Errorf("the disk of %s does not say what came of byte %d of %s", d.nodes[0].Name(), got.Offset, got.File)
	}
	read := "nobody has read it"
	if got.Reads > 0 {
		read = count.Of(int(got.Reads), "request") + " of " + d.nodes[0].Name() + " got some of it"
	}
	return append(proof, fmt.Sprintf("byte %d of %s: %s; %s", got.Offset, got.File, endText(got.End), read)), nil
}

func endText(end cluster.DamageEnd) string {
	switch end {
	case cluster.DamagePutBack:
		return "put back"
	case cluster.DamageOverwritten:
		return "overwritten meanwhile"
	case cluster.DamageRemoved:
		return "the file was removed meanwhile"
	}
	return "what was damaged stays"
}
