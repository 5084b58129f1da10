package cassandra

import "github.com/lapse-test/lapse/targets"

// Promises implements targets.Promiser: what Cassandra's documentation promises of
// a register (read, write, delete, compare-and-set) at the levels of the resolved
// cfg, whatever happens to the network and to processes. The table is explained in
// docs/targets/cassandra.md, and each of its rows is tried on a real cluster.
func (Target) Promises(cfg targets.Config) map[string]bool {
	s, err := resolve(cfg)
	if err != nil {
		return nil
	}
	return s.promises()
}

func (s settings) promises() map[string]bool {
	// Paxos orders everything about a key, if no operation goes past it and if all
	// use the same replicas: LOCAL_SERIAL orders each data centre for itself.
	paxos := s.read.serial && s.write.serial && meet(s.read, s.write, s.topology)
	// An acknowledgement that a crash can take back promises nothing.
	durable := s.commitLog != "periodic"
	// The write that wins is the last one by timestamp: only with one clock is that
	// the last one.
	ordered := s.clientTime && !s.write.serial
	// W+R > RF: every read asks a replica that has the last acknowledged write.
	regular := durable && (paxos || ordered && !s.read.serial && meet(s.write, s.read, s.topology))
	// What one read returned, the next one must find: because the read repaired
	// enough replicas before it answered, or because it asked all of them.
	repaired := s.readRepair == "BLOCKING" && meet(s.read, s.read, s.topology)
	monotonic := durable && (paxos || ordered && !s.read.serial && (repaired || s.read.name == "ALL"))
	return map[string]bool{
		"linearizable":        paxos && durable,
		"sequential":          paxos && durable,
		"regular":             regular,
		"safe":                regular,
		"read-your-writes":    regular,
		"monotonic-reads":     monotonic,
		"monotonic-writes":    regular,
		"writes-follow-reads": regular && monotonic,
		"eventual":            regular && monotonic,
	}
}
