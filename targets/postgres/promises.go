package postgres

import (
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser: the table "What is promised" of
// docs/targets/postgres.md, for partitions, pauses and kills. Where that says "as
// long as", nothing is said here. A server of an external cluster may be no
// PostgreSQL at all: its target is another, which promises nothing.
func (Target) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	if s.multiLeader {
		return map[string]bool{
			"linearizable": false, "regular": false, "sequential": false, "eventual": false, "no-lost-writes": false,
			"snapshot-isolation": false, "serializable": false,
		}
	}
	out := map[string]bool{}
	if s.write == writeOff {
		out["no-lost-writes"] = false // a kill loses what was not flushed
	}
	if s.failover == failoverPatroni {
		return s.promisesUnderPatroni()
	}
	if s.failover != failoverOff {
		if s.acknowledgedOnStandbys() == 0 {
			out["no-lost-writes"] = false // the new primary may lack what was acknowledged
			out["linearizable"], out["regular"], out["read-your-writes"] = false, false, false
		}
		return out
	}
	if s.write != writeOff {
		out["no-lost-writes"] = true
	}
	switch s.read {
	case readPrimary:
		s.promiseIsolation(out)
		if s.write != writeOff {
			out["linearizable"] = true
		}
	case readReplica, readAny:
		out["linearizable"] = false
		everywhere := s.write == writeRemoteApply && s.sync.count == s.nodes-1
		out["regular"], out["read-your-writes"] = everywhere, everywhere
	case readSticky, readMaxLag:
		out["linearizable"], out["regular"] = false, false
		if s.read == readMaxLag {
			out["read-your-writes"] = false
		}
	case readWaitForLSN:
		out["linearizable"], out["regular"] = false, false
		out["read-your-writes"] = s.write != writeOff
	}
	return out
}

// promiseIsolation adds what the isolation level promises where all transactions
// are the primary's.
func (s settings) promiseIsolation(out map[string]bool) {
	switch s.isolation {
	case "read committed":
		out["read-committed"], out["snapshot-isolation"], out["repeatable-read"] = true, false, false
	case "repeatable read": // PostgreSQL's is snapshot isolation
		out["snapshot-isolation"], out["repeatable-read"] = true, false
	case "serializable":
		out["serializable"] = true
	}
}

// promisesUnderPatroni: an acknowledged write survives if its commit waited for a standby,
// and only such a one is promoted. A leader that is paused for longer than its lease, with
// its Patroni, answers as one for a moment after it goes on.
func (s settings) promisesUnderPatroni() map[string]bool {
	waits := s.patroni.sync && (s.write == writeRemoteWrite || s.write == writeOn || s.write == writeRemoteApply)
	return map[string]bool{"no-lost-writes": waits, "linearizable": false, "regular": false, "read-your-writes": false}
}
