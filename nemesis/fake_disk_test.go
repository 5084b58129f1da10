package nemesis

import (
	"context"
	"errors"

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
	d.n.f.called("break %s", d.n.name)
	if d.n.f.lies.diskStaysWhole {
		return nil
	}
	d.breaks = append(d.breaks, f)
	if (f.Flip || f.Misdirect) && !d.n.f.lies.diskUnmet {
		one := cluster.DiskDamage{File: "data/log", Offset: 8200, Bytes: 1, Before: 0x41, After: 0x40, Reads: 2}
		if d.n.f.lies.damageUnread {
			one.Reads = 0
		}
		if f.Misdirect {
			meant := int64(4096)
			one.Meant, one.Landed, one.Bytes = &meant, 8192, 100
		}
		d.counts.Damages = append(d.counts.Damages, one)
	}
	if !d.n.f.lies.diskUnmet {
		c := &d.counts
		c.FailedWrites, c.FailedSyncs, c.Refused, c.Slowed = c.FailedWrites+3, c.FailedSyncs+3, c.Refused+3, c.Slowed+3
	}
	if d.n.f.lies.endsOfDisk {
		d.n.stop()
	}
	return nil
}

func (d *fakeDisk) Mend(context.Context) error {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	if !d.n.f.lies.diskForever {
		d.breaks = nil
	}
	for i, one := range d.counts.Damages {
		switch {
		case one.End != "" || d.n.f.lies.damageEndless:
		case one.Misdirected():
			d.counts.Damages[i].End = cluster.DamageStays
		case d.n.f.lies.damageOver:
			d.counts.Damages[i].End = cluster.DamageOverwritten
		default:
			d.counts.Damages[i].End = cluster.DamagePutBack
		}
	}
	return nil
}

func (d *fakeDisk) Counts(context.Context) (cluster.DiskCounts, error) {
	d.n.f.mu.Lock()
	defer d.n.f.mu.Unlock()
	d.counts.Broken = len(d.breaks) > 0
	return d.counts, nil
}

// stop ends the process, with the fake's lock held.
func (n *fakeNode) stop() {
	n.state = cluster.Stopped
	delete(n.f.pids, n.pid)
	close(n.exited)
	n.pid = 0
}
