package mysql

import (
	"slices"

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
		for _, model := range []string{"no-lost-writes", "linearizable", "regular", "strict-serializable", "bank", "set", "counter"} {
			out[model] = false
		}
	}
	return out
}

func (s settings) promiseReplication(out map[string]bool) {
	if s.failover {
		if !s.semiSync() {
			// The new primary may lack what was acknowledged.
			for _, model := range []string{"no-lost-writes", "linearizable", "regular", "read-your-writes", "set", "counter"} {
				out[model] = false
			}
		}
		if s.write == writeAfterCommit {
			out["linearizable"] = false // what is shown before it is acknowledged may be lost
		}
		return
	}
	out["no-lost-writes"] = true
	switch s.read {
	case readPrimary:
		out["linearizable"] = true
		s.promiseIsolation(out)
	case readSticky:
		out["linearizable"], out["regular"] = false, false
	case readGTID:
		out["linearizable"], out["regular"], out["read-your-writes"] = false, false, true
	default:
		alone := s.nodes == 1
		out["linearizable"], out["regular"], out["read-your-writes"] = alone, alone, alone
	}
}

// promiseIsolation adds what the isolation level promises where all transactions are one
// node's.
func (s settings) promiseIsolation(out map[string]bool) {
	switch s.isolation {
	case readCommitted:
		out["read-committed"], out["snapshot-isolation"], out["repeatable-read"], out["serializable"] = true, false, false, false
	case repeatableRead:
		// Without innodb_snapshot_isolation a write goes by the newest rows and not by the
		// snapshot: updates get lost.
		out["snapshot-isolation"], out["repeatable-read"], out["serializable"] = s.snapshot, false, false
	case serializable:
		out["serializable"] = true
	default:
		out["read-committed"], out["serializable"] = false, false
	}
}

func (s settings) promiseGalera(out map[string]bool, funcs []history.Func) {
	// Locks are a node's own: two nodes' transactions do not see what the other reads.
	if !s.oneWriter {
		out["serializable"], out["strict-serializable"], out["repeatable-read"] = false, false, false
	} else if s.recovered {
		s.promiseIsolation(out)
	}
	if !s.snapshot || s.isolation != repeatableRead {
		out["snapshot-isolation"] = false
	}
	if !s.recovered {
		// The nodes are not told where they are: what comes of that is our own start's.
		for _, model := range []string{"no-lost-writes", "linearizable", "regular", "read-your-writes", "eventual", "set", "counter", "list", "set-linearizable"} {
			out[model] = false
		}
		return
	}
	// A commit is on every member, and a majority comes back together.
	out["no-lost-writes"], out["eventual"] = true, true
	switch s.read {
	case readSync0, readDirty:
		if s.oneWriter {
			break // stale only after that node was cut off, and then until it says so
		}
		out["linearizable"], out["regular"] = false, false
	case readSync1:
		out["regular"] = true
		// A compare-and-set that finds another value may have looked at an old one: bit 1
		// makes only reads wait.
		out["linearizable"] = !slices.Contains(funcs, history.CAS)
	case readSync7:
		out["regular"], out["linearizable"] = true, true
	}
}
