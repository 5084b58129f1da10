package mysql

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser: the table "What is promised" of
// docs/targets/mysql.md, for partitions, pauses and kills, and for power failures where the
// plan has some. Where that says "as long as", nothing is said here.
func (Target) Promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	out := targets.Promised{}
	if s.galera {
		s.promiseGalera(out, funcs, cfg.Roams)
	} else {
		s.promiseReplication(out, cfg.Roams)
	}
	if s.loses(cfg.PowerFailures) {
		out.LoseWrites()
		out[models.Bank] = false
	}
	return out
}

// loses says whether a kill of the servers loses what they acknowledged, or a power failure.
func (s settings) loses(power bool) bool {
	switch {
	case s.flush == flushEverySecond: // a kill loses what was not written
		return true
	case !power:
		return false
	case s.flush == flushWritten:
		return true
	}
	// After a crash a commit that is not in the binary log is rolled back.
	return !s.galera && s.syncBinlog != syncBinlogAlways
}

func (s settings) promiseReplication(out targets.Promised, roams bool) {
	// Who was primary is made anew after a failover, and so is a replica that has what the new one has not.
	s.promiseReads(out, roams || s.failover)
	if s.failover {
		// Of what a failover leaves of it nothing is said, but for what was not promised without one.
		out.Silence()
		if !s.semiSync() {
			// The new primary may lack what was acknowledged.
			out.LoseWrites()
		}
		if s.write == writeAfterCommit {
			out[models.Linearizable] = false // what is shown before it is acknowledged may be lost
		}
		return
	}
	out[models.NoLostWrites] = true
}

// promiseReads adds what the read level promises as long as no write is lost. Each replica has
// the primary's order, and each as much of it as it has come to: a session that asks one and
// then another goes back in time, as goesBack says.
func (s settings) promiseReads(out targets.Promised, goesBack bool) {
	s.promiseIsolation(out)
	if s.read == readPrimary || s.nodes == 1 {
		out[models.Linearizable] = true
		return
	}
	out.Silence() // of what replicas show nothing is said but what the primary's level rules out
	out.ReadOld()
	switch s.read {
	case readGTID:
		out[models.ReadYourWrites] = true
	case readSticky: // as long as the replicas lag less than its window
	default:
		out[models.ReadYourWrites] = false
	}
	// Sticky reads go to the primary first and to a replica later, and those at most so far behind
	// to whoever is, in a session that stays too.
	if goesBack || s.read == readSticky || s.read == readMaxLag {
		out.ReadBack()
	}
}

// promiseIsolation adds what the isolation level promises where all transactions are one
// node's.
func (s settings) promiseIsolation(out targets.Promised) {
	switch s.isolation {
	case readCommitted:
		out[models.ReadCommitted], out[models.SnapshotIsolation], out[models.RepeatableRead], out[models.Serializable] = true, false, false, false
	case repeatableRead:
		// Without innodb_snapshot_isolation a write goes by the newest rows and not by the
		// snapshot: updates get lost.
		out[models.SnapshotIsolation], out[models.RepeatableRead], out[models.Serializable] = s.snapshot, false, false
	case serializable:
		out[models.Serializable] = true
	default:
		out.Set(false, models.ReadCommitted, models.Serializable)
	}
}

func (s settings) promiseGalera(out targets.Promised, funcs []history.Func, roams bool) {
	// Locks are a node's own: two nodes' transactions do not see what the other reads.
	if !s.oneWriter {
		out.Set(false, models.Serializable, models.StrictSerializable, models.RepeatableRead)
	} else if s.recovered {
		s.promiseIsolation(out)
	}
	if !s.snapshot || s.isolation != repeatableRead {
		out[models.SnapshotIsolation] = false
	}
	if !s.recovered {
		// The nodes are not told where they are: what comes of that is our own start's.
		out.LoseWrites()
		out[models.Eventual] = false
		return
	}
	// A commit is on every member, and a majority comes back together.
	out.Set(true, models.NoLostWrites, models.Eventual)
	switch s.read {
	case readSync0, readDirty:
		if s.oneWriter {
			break // stale only after that node was cut off, and then until it says so
		}
		out.ReadOld()
		if roams { // a node shows its own commits, and what it has come to of the others'
			out.ReadBack()
			out[models.ReadYourWrites] = false
		}
	case readSync1:
		out[models.Regular] = true
		// A compare-and-set that finds another value may have looked at an old one: bit 1
		// makes only reads wait.
		out[models.Linearizable] = !slices.Contains(funcs, history.CAS)
	case readSync7:
		out.Set(true, models.Regular, models.Linearizable)
	}
}
