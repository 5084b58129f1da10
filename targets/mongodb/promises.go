package mongodb

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// promises is what MongoDB's manual promises of a replica set with journals whose
// writeConcernMajorityJournalDefault is true, as it is unless somebody changed it, over
// partitions, pauses and kills. What the manual does not speak of is not in the map.
//
//   - "Write Concern": what was acknowledged with w: 1 can be rolled back after a
//     failover, what was acknowledged with majority cannot.
//   - `Read Concern "linearizable"`: together with majority writes, reads and writes of
//     single documents are as if one thread did them in real time.
//   - "Causal Consistency and Read and Write Concerns" has the table of the four session
//     guarantees for causally consistent sessions.
//   - "Read Isolation, Consistency, and Recency": local and available reads can show what
//     is rolled back later.
func promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	out := targets.Promised{}
	durable := s.w == majority
	if s.writers() == 1 || durable {
		// Of other numbers it depends on how many members there are whether they are a majority.
		out[models.NoLostWrites] = durable
	}
	if s.concern == linearizable {
		// Of writes that are not a majority's the manual says nothing at this level, but that
		// they can be rolled back.
		out.Set(durable, models.Linearizable, models.Sequential, models.Regular, models.Safe,
			models.ReadYourWrites, models.MonotonicReads, models.MonotonicWrites, models.WritesFollowReads)
		return out
	}
	out.ReadOld()  // "clients that connect to the former primary may observe stale data"
	if !s.causal { // the four are guarantees of causally consistent sessions, and of no others
		s.sessions(out, false, false, false, false)
		return out
	}
	switch {
	case s.concern == majority && durable:
		s.sessions(out, true, true, true, true)
	case s.concern == majority && s.writers() == 1:
		s.sessions(out, false, true, false, true)
	case s.concern == local && durable:
		s.sessions(out, false, false, true, false)
	case s.concern == local && s.writers() == 1:
		s.sessions(out, false, false, false, false)
	}
	return out
}

// sessions is a row of the table.
func (settings) sessions(out targets.Promised, ryw, mr, mw, wfr bool) {
	out[models.ReadYourWrites], out[models.MonotonicReads] = ryw, mr
	out[models.MonotonicWrites], out[models.WritesFollowReads] = mw, wfr
}
