package etcd

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser, for partitions, pauses and kills of processes,
// and for power failures where the plan has some: what "KV API guarantees" of etcd's
// documentation says, and what follows from it. Of servers that sync nothing ("unsafe, will
// cause data loss") nothing is said, and over power failures nothing is promised.
func (Target) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	out := s.promises(cfg.Roams)
	switch {
	case s.noFsync && cfg.PowerFailures:
		out.Withdraw()
		out.LoseWrites()
	case s.noFsync:
		out.Silence()
	}
	return out
}

func (s settings) promises(roams bool) targets.Promised {
	out := targets.Promised{}
	// A serializable read is answered by the member that is asked from what it has,
	// however long it has heard of nobody. Its order is everybody's, it goes on in it, and it has applied a write before it
	// answers it: of a session that stays with a member nothing is said that only one that roams can miss.
	// Nor is it denied where members are killed: one that comes back serves when it has applied an entry that
	// it proposed at its start, and with that all that it had shown (server/embed and etcdserver, 3.5.0 and
	// 3.6.16; a time limit on that wait was taken back before 3.6.0, etcd's issue 16666).
	out.Set(!s.serializable, models.Linearizable, models.Regular, models.StrictSerializable, models.ReadYourWrites, models.MonotonicReads, models.Counter)
	if s.serializable {
		out.ReadOld()
		if roams {
			out.ReadBack()
		} else {
			delete(out, models.ReadYourWrites)
			delete(out, models.MonotonicReads)
		}
	}
	// Every transaction that writes is checked by revision, and one that only reads
	// sees the state after some other, if an old one.
	out.Set(true, models.Serializable, models.NoLostWrites, models.CounterEventual, models.Queue, models.Unique, models.Log)
	// A client that reads, works and writes under a lock has the lock only as long as
	// its lease lasts, which it cannot know.
	out[models.Set] = s.sets != setsLock
	if s.sets == setsLock {
		out.Set(false, models.SetLinearizable, models.SetEventual)
	}
	out.Set(false, models.Mutex, models.OwnerMutex, models.FencedMutex, models.ReentrantMutex)
	return out
}
