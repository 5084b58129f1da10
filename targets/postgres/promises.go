package postgres

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser: the table "What is promised" of
// docs/targets/postgres.md, for partitions, pauses and kills, and for power failures where
// the plan has some. Where that says "as long as", nothing is said here. A server of an
// external cluster may be no PostgreSQL at all: its target is another, which promises
// nothing.
func (Target) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	out := s.promises()
	if cfg.PowerFailures {
		s.withoutPower(out)
	}
	return out
}

// withoutPower takes from out what a power failure takes.
func (s settings) withoutPower(out targets.Promised) {
	if s.fsync == off || s.fullPages == off {
		out.Withdraw() // "this can result in unrecoverable data corruption"
		out[models.NoLostWrites] = false
	}
	if s.failover == failoverPatroni && s.write == writeRemoteWrite {
		out[models.NoLostWrites] = false // the standby that is promoted may have lost what it had in memory
	}
}

// promises are those over partitions, pauses and kills.
func (s settings) promises() targets.Promised {
	if s.multiLeader {
		return targets.Promised{
			models.Linearizable: false, models.Regular: false, models.Sequential: false, models.Eventual: false, models.NoLostWrites: false,
			models.SnapshotIsolation: false, models.Serializable: false,
		}
	}
	out := targets.Promised{}
	if s.write == writeOff {
		out[models.NoLostWrites] = false // a kill loses what was not flushed
	}
	if s.failover == failoverPatroni {
		return s.promisesUnderPatroni()
	}
	if s.failover != failoverOff {
		if s.acknowledgedOnStandbys() == 0 {
			out[models.NoLostWrites] = false // the new primary may lack what was acknowledged
			out.Set(false, models.Linearizable, models.Regular, models.ReadYourWrites)
		}
		return out
	}
	if s.write != writeOff {
		out[models.NoLostWrites] = true
	}
	switch s.read {
	case readPrimary:
		s.promiseIsolation(out)
		if s.write != writeOff {
			out[models.Linearizable] = true
		}
	case readReplica, readAny:
		out[models.Linearizable] = false
		everywhere := s.write == writeRemoteApply && s.sync.count == s.nodes-1
		out.Set(everywhere, models.Regular, models.ReadYourWrites)
	case readSticky, readMaxLag:
		out.Set(false, models.Linearizable, models.Regular)
		if s.read == readMaxLag {
			out[models.ReadYourWrites] = false
		}
	case readWaitForLSN:
		out.Set(false, models.Linearizable, models.Regular)
		out[models.ReadYourWrites] = s.write != writeOff
	}
	return out
}

// promiseIsolation adds what the isolation level promises where all transactions
// are the primary's.
func (s settings) promiseIsolation(out targets.Promised) {
	switch s.isolation {
	case "read committed":
		out[models.ReadCommitted], out[models.SnapshotIsolation], out[models.RepeatableRead] = true, false, false
	case "repeatable read": // PostgreSQL's is snapshot isolation
		out[models.SnapshotIsolation], out[models.RepeatableRead] = true, false
	case "serializable":
		out[models.Serializable] = true
	}
}

// promisesUnderPatroni: an acknowledged write survives if its commit waited for a standby,
// and only such a one is promoted. A leader that is paused for longer than its lease, with
// its Patroni, answers as one for a moment after it goes on.
func (s settings) promisesUnderPatroni() targets.Promised {
	waits := s.patroni.sync && (s.write == writeRemoteWrite || s.write == writeOn || s.write == writeRemoteApply)
	return targets.Promised{models.NoLostWrites: waits, models.Linearizable: false, models.Regular: false, models.ReadYourWrites: false}
}
