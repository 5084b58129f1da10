package redis

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser, for partitions, pauses, kills of processes and
// power failures.
//
// With one primary and no failover there is one copy that counts, so that reads at
// the primary are linearizable, whatever WAIT says: a write is done when the primary
// has it. That holds over a kill or a power failure of the primary only with appendfsync=always; with
// everysec a write that was acknowledged can still be in the process ("Redis
// persistence": one second of writes can be lost).
//
// In a cluster a replica takes over that may lack what its primary acknowledged
// ("Redis cluster specification": "there is always a window of time when it is
// possible to lose writes during partitions"). WAIT makes that less likely and
// promises nothing ("WAIT does not make Redis a strongly consistent store").
func (Target) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	out := targets.Promised{}
	if s.cluster {
		out.LoseWrites()
		return out
	}
	durable := s.appendfsync == appendfsyncAlways
	out.Keep(durable)
	atPrimary := durable && (s.read == readPrimary || s.nodes == 1)
	if !atPrimary {
		out.ReadOld()
		out.ReadBack()
	}
	out.Set(atPrimary, models.Linearizable, models.Regular, models.Serializable, models.StrictSerializable)
	// A session that asks another replica each time can go back in time; one that keeps
	// to its replica sees the primary's order, late, until a resynchronisation.
	out.Set(atPrimary, models.ReadYourWrites, models.MonotonicReads)
	return out
}
