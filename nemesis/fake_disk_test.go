package nemesis

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/targets/cluster"
)

// fakeDisk is a disk that counts.
type fakeDisk struct {
	n      *fakeNode
	counts cluster.DiskCounts
	breaks []cluster.DiskFault
}

func (n *fakeNode) Disk() cluster.Disk {
	if n.disk == nil {
		return nil
	}
	return n.disk
}

func (d *fakeDisk) Settle(context.Context) error {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.n.f.called("settle %s", d.n.name)
	if d.n.f.lies.diskUnsettled {
		return errors.New("broken pipe")
	}
	return nil
}

func (d *fakeDisk) PowerFailure(_ context.Context, p cluster.PowerFailure) (cluster.DiskLoss, error) {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.n.f.called("power failure of %s torn %t", d.n.name, p.Torn)
	if d.n.state != cluster.Stopped {
		return cluster.DiskLoss{}, errors.New("3 files are open for writing")
	}
	l := &d.n.f.lies
	if l.powerFails {
		return cluster.DiskLoss{}, errors.New("broken pipe")
	}
	if !l.powerStays {
		d.counts.PowerFailures++
	}
	if d.counts.Unsynced = 0; l.powerLeaves {
		d.counts.Unsynced = 1
	}
	if l.allSynced {
		return cluster.DiskLoss{}, nil
	}
	return cluster.DiskLoss{Files: 2, Bytes: 34 << 10, Unsynced: 3, Dropped: 9, Names: []string{"data/log"}}, nil
}

func (d *fakeDisk) Break(_ context.Context, f cluster.DiskFault) error {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.breaks = append(d.breaks, f)
	return nil
}

func (d *fakeDisk) Mend(context.Context) error {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.breaks = nil
	return nil
}

func (d *fakeDisk) Damage(_ context.Context, m cluster.DiskDamage) ([]string, error) {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.counts.Damages++
	return []string{fmt.Sprintf("bit %d of byte 7 of data/log flipped", m.Seed%8)}, nil
}

func (d *fakeDisk) Counts(context.Context) (cluster.DiskCounts, error) {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.counts.Broken = len(d.breaks) > 0
	return d.counts, nil
}
