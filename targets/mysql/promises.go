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
		s.promiseGalera(out, funcs)
	} else {
		s.promiseReplication(out)
	}
	if s.loses(cfg.PowerFailures) {
		out.Set(false, models.NoLostWrites, models.Linearizable, models.Regular, models.StrictSerializable, models.Bank, models.Set, models.Counter)
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

func (s settings) promiseReplication(out targets.Promised) {
	if s.failover {
		if !s.semiSync() {
			// The new primary may lack what was acknowledged.
			out.Set(false, models.NoLostWrites, models.Linearizable, models.Regular, models.ReadYourWrites, models.Set, models.Counter)
		}
		if s.write == writeAfterCommit {
			out[models.Linearizable] = false // what is shown before it is acknowledged may be lost
		}
		return
	}
	out[models.NoLostWrites] = true
	switch s.read {
	case readPrimary:
		out[models.Linearizable] = true
		s.promiseIsolation(out)
	case readSticky:
		out.Set(false, models.Linearizable, models.Regular)
	case readGTID:
		out[models.Linearizable], out[models.Regular], out[models.ReadYourWrites] = false, false, true
	default:
		alone := s.nodes == 1
		out.Set(alone, models.Linearizable, models.Regular, models.ReadYourWrites)
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

func (s settings) promiseGalera(out targets.Promised, funcs []history.Func) {
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
		out.Set(false, models.NoLostWrites, models.Linearizable, models.Regular, models.ReadYourWrites, models.Eventual, models.Set, models.Counter, models.List, models.SetLinearizable)
		return
	}
	// A commit is on every member, and a majority comes back together.
	out.Set(true, models.NoLostWrites, models.Eventual)
	switch s.read {
	case readSync0, readDirty:
		if s.oneWriter {
			break // stale only after that node was cut off, and then until it says so
		}
		out.Set(false, models.Linearizable, models.Regular)
	case readSync1:
		out[models.Regular] = true
		// A compare-and-set that finds another value may have looked at an old one: bit 1
		// makes only reads wait.
		out[models.Linearizable] = !slices.Contains(funcs, history.CAS)
	case readSync7:
		out.Set(true, models.Regular, models.Linearizable)
	}
}
