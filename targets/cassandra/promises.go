package cassandra

import (
	"slices"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser: what Cassandra's documentation promises of
// a register (read, write, delete, compare-and-set) at the levels of the resolved
// cfg, whatever happens to the network and to processes. The table is explained in
// docs/targets/cassandra.md, and each of its rows is tried on a real cluster. Of
// lists, sets and counters nothing is said.
func (Target) Promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	s, err := resolve(cfg)
	if err != nil {
		return nil
	}
	plain, conditional := false, false
	for _, f := range funcs {
		switch f {
		case history.Read:
		case history.Write, history.Delete:
			plain = plain || !s.write.serial
			conditional = conditional || s.write.serial
		case history.CAS:
			conditional = true
		default:
			return nil
		}
	}
	return s.promises(plain, conditional)
}

// promises are those to clients that write past Paxos (plain), or through it
// (conditional), or both.
func (s settings) promises(plain, conditional bool) map[string]bool {
	write := s.write
	if conditional {
		// The commit of a lightweight transaction decides nothing.
		serial, _ := write.conditional()
		write = levels[slices.IndexFunc(levels[:], func(l level) bool { return l.cql == gocql.Consistency(serial) })]
	}
	// Writes that go past Paxos know nothing of those that do not, and are stamped
	// from another clock.
	apart := !plain || !conditional
	// Paxos orders everything about a key, if no operation goes past it and if all
	// use the same replicas: LOCAL_SERIAL orders each data centre for itself.
	paxos := !plain && s.read.serial && meet(s.read, write, s.topology)
	// An acknowledgement that a crash can take back promises nothing.
	durable := s.commitLog != "periodic"
	// The write that wins is the last one by timestamp: only with one clock is that
	// the last one.
	ordered := s.clientTime && !conditional
	// W+R > RF: every read asks a replica that has the last acknowledged write.
	regular := durable && apart && (paxos || ordered && !s.read.serial && meet(write, s.read, s.topology))
	// What one read returned, the next one must find: because the read repaired
	// enough replicas before it answered, or because it asked all of them.
	repaired := s.readRepair == "BLOCKING" && meet(s.read, s.read, s.topology)
	monotonic := durable && apart && (paxos || ordered && !s.read.serial && (repaired || s.read.name == "ALL"))
	out := map[string]bool{
		models.Linearizable:      paxos && durable,
		models.Sequential:        paxos && durable,
		models.Regular:           regular,
		models.Safe:              regular,
		models.ReadYourWrites:    regular,
		models.MonotonicReads:    monotonic,
		models.MonotonicWrites:   regular,
		models.WritesFollowReads: regular && monotonic,
		models.Eventual:          regular && monotonic,
	}
	// It follows from regular. Without that nothing is said of it but where an acknowledged write goes under: in a crash,
	// behind an older one with a later timestamp, or with a hint, which is all that ANY asks for.
	if !durable || !apart || !conditional && (!s.clientTime || write.name == "ANY") {
		out[models.NoLostWrites] = false
	}
	return out
}
