package targets

import "github.com/lapse-test/lapse/checkers/models"

// Promised is what Promises returns while it is put together: for models, by the names of
// their checkers, whether they are promised.
type Promised map[string]bool

// Withdraw says of every model that was promised that it is not.
func (p Promised) Withdraw() {
	for m := range p {
		p[m] = false
	}
}

// Silence says nothing any more of what was promised; what is not promised stays so.
func (p Promised) Silence() {
	for m, is := range p {
		if is {
			delete(p, m)
		}
	}
}

// Set says of each of these models whether it is promised.
func (p Promised) Set(is bool, models ...string) {
	for _, m := range models {
		p[m] = is
	}
}

// ReadOld says that a read may miss what was acknowledged before it began, whatever is read: a
// register, a list, a counter or a set. Whether it may miss a write of the session's own is for
// the caller to say (models.ReadYourWrites).
func (p Promised) ReadOld() {
	p.Set(false, models.Linearizable, models.Regular, models.Safe, models.List, models.Counter, models.SetLinearizable)
}

// ReadBack says that a session may read what one copy has and then what an older copy has. Who
// reads the later of two writes first may miss the earlier one afterwards, so that monotonic
// writes and writes that follow reads go with monotonic reads.
func (p Promised) ReadBack() {
	p.Set(false, models.MonotonicReads, models.MonotonicWrites, models.WritesFollowReads)
}

// ReadBehind says that any session may ask a copy that is behind the others, also behind what the
// session wrote and read itself.
func (p Promised) ReadBehind() {
	p.ReadOld()
	p.ReadBack()
	p[models.ReadYourWrites] = false
}

// Keep says whether acknowledged writes are kept; those that are not may be lost.
func (p Promised) Keep(kept bool) {
	if kept {
		p[models.NoLostWrites] = true
		return
	}
	p.LoseWrites()
}

// LoseWrites says that acknowledged writes may be lost, which is as if what was read of them
// had never been committed: no model is promised that this breaks, whatever the type of data.
// That all copies agree in the end is not among them, nor the total of a bank, from which whole
// transfers get lost.
func (p Promised) LoseWrites() {
	p.ReadBehind()
	p.Set(false, models.NoLostWrites,
		models.Set, models.SetEventual, models.Log, models.Queue, models.CounterEventual, models.Unique, models.Mutex, models.ReentrantMutex,
		models.ReadCommitted, models.SnapshotIsolation, models.RepeatableRead, models.Serializable, models.LongFork)
}
