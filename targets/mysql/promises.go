package mysql

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser: the table "What is promised" of
// docs/targets/mysql.md, for partitions, pauses and kills. Where that says "as long as",
// nothing is said here.
func (Target) Promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	if s.galera {
		s.promiseGalera(out, funcs)
	} else {
		s.promiseReplication(out)
	}
	if s.flush == "0" { // a kill loses what was not written
		for _, model := range []string{models.NoLostWrites, models.Linearizable, models.Regular, models.StrictSerializable, models.Bank, models.Set, models.Counter} {
			out[model] = false
		}
	}
	return out
}

func (s settings) promiseReplication(out map[string]bool) {
	if s.failover {
		if !s.semiSync() {
			// The new primary may lack what was acknowledged.
			for _, model := range []string{models.NoLostWrites, models.Linearizable, models.Regular, models.ReadYourWrites, models.Set, models.Counter} {
				out[model] = false
			}
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
		out[models.Linearizable], out[models.Regular] = false, false
	case readGTID:
		out[models.Linearizable], out[models.Regular], out[models.ReadYourWrites] = false, false, true
	default:
		alone := s.nodes == 1
		out[models.Linearizable], out[models.Regular], out[models.ReadYourWrites] = alone, alone, alone
	}
}

// promiseIsolation adds what the isolation level promises where all transactions are one
// node's.
func (s settings) promiseIsolation(out map[string]bool) {
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
		out[models.ReadCommitted], out[models.Serializable] = false, false
	}
}

func (s settings) promiseGalera(out map[string]bool, funcs []history.Func) {
	// Locks are a node's own: two nodes' transactions do not see what the other reads.
	if !s.oneWriter {
		out[models.Serializable], out[models.StrictSerializable], out[models.RepeatableRead] = false, false, false
	} else if s.recovered {
		s.promiseIsolation(out)
	}
	if !s.snapshot || s.isolation != repeatableRead {
		out[models.SnapshotIsolation] = false
	}
	if !s.recovered {
		// The nodes are not told where they are: what comes of that is our own start's.
		for _, model := range []string{models.NoLostWrites, models.Linearizable, models.Regular, models.ReadYourWrites, models.Eventual, models.Set, models.Counter, models.List, models.SetLinearizable} {
			out[model] = false
		}
		return
	}
	// A commit is on every member, and a majority comes back together.
	out[models.NoLostWrites], out[models.Eventual] = true, true
	switch s.read {
	case readSync0, readDirty:
		if s.oneWriter {
			break // stale only after that node was cut off, and then until it says so
		}
		out[models.Linearizable], out[models.Regular] = false, false
	case readSync1:
		out[models.Regular] = true
		// A compare-and-set that finds another value may have looked at an old one: bit 1
		// makes only reads wait.
		out[models.Linearizable] = !slices.Contains(funcs, history.CAS)
	case readSync7:
		out[models.Regular], out[models.Linearizable] = true, true
	}
}
