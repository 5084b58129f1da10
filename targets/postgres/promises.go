package postgres

import (
	"maps"

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
	out := s.promises(cfg)
	if cfg.PowerFailures {
		s.withoutPower(out)
	}
	return out
}

// withoutPower takes from out what a power failure takes.
func (s settings) withoutPower(out targets.Promised) {
	if s.fsync == off || s.fullPages == off {
		out.Withdraw() // "this can result in unrecoverable data corruption"
		out.LoseWrites()
	}
	if s.failover == failoverPatroni && s.write == writeRemoteWrite {
		out.LoseWrites() // the standby that is promoted may have lost what it had in memory
	}
}

// promises are those over partitions, pauses and, where the plan has some, kills, to sessions
// that roam or stay.
func (s settings) promises(cfg targets.Config) targets.Promised {
	if s.multiLeader {
		// Two leaders that write one row swap their values, and a conflict of keys stops replication.
		out := targets.Promised{models.Sequential: false, models.Eventual: false}
		out.LoseWrites()
		return out
	}
	out := targets.Promised{}
	// Who was primary is copied anew after a failover, and so is a standby that is ahead of the new one.
	s.promiseReads(out, cfg.Roams || s.failover != failoverOff, cfg.Restarts)
	switch {
	case s.failover == failoverPatroni:
		out.Silence()
		maps.Copy(out, s.promisesUnderPatroni())
	case s.failover != failoverOff:
		// Of what a failover leaves of it nothing is said, but for what was not promised without one.
		out.Silence()
		if s.write == writeOff || s.acknowledgedOnStandbys() == 0 {
			out.LoseWrites() // the new primary may lack what was acknowledged
		}
	case s.write == writeOff:
		out.LoseWrites() // a kill loses what was not flushed
	default:
		out[models.NoLostWrites] = true
	}
	return out
}

// promiseReads adds what the read level promises as long as no write is lost. Each standby shows
// the commits in their order, and each its own prefix of it: a session that asks one and then
// another goes back in time. So does a standby that was killed: it serves again from the first
// consistent state after its last restartpoint, before it has replayed what it had shown already.
// goesBack says that a session may meet an older copy even where no server is started again.
func (s settings) promiseReads(out targets.Promised, goesBack, restarts bool) {
	s.promiseIsolation(out)
	if s.read == readPrimary || s.nodes == 1 {
		out[models.Linearizable] = true
		return
	}
	out.Silence() // of what standbys show nothing is said but what the primary's level rules out
	if s.write == writeRemoteApply && s.sync.count == s.nodes-1 && (s.read == readReplica || s.read == readAny) && !restarts {
		// A commit on its way is shown by one node and not yet by the next.
		out.Set(false, models.Linearizable, models.List, models.SetLinearizable)
		out.Set(true, models.Regular, models.ReadYourWrites)
		if goesBack {
			out.Set(false, models.MonotonicReads, models.WritesFollowReads)
		}
		return
	}
	out.ReadOld()
	switch s.read {
	case readReplica, readAny, readMaxLag:
		out[models.ReadYourWrites] = false
	case readWaitForLSN:
		out[models.ReadYourWrites] = true
	}
	// Sticky reads go to the primary first and to a standby later, and those at most so far behind
	// to whoever is, in a session that stays too.
	if goesBack || restarts || s.read == readSticky || s.read == readMaxLag {
		out.ReadBack()
	}
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
	out := targets.Promised{}
	out.Keep(waits)
	out.ReadBehind()
	return out
}
