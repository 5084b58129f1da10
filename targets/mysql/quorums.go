package mysql

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// quorums predicts the models that a primary with replicas promises while there is no failover.
// Its levels are no counts that meet: one node takes all writes, and MariaDB's
// semi-synchronous commits wait for one replica, however many there are ("Semisynchronous
// Replication", MariaDB's documentation).
type quorums struct{}

// Counts implements targets.Quorums.
func (quorums) Counts(targets.Config) (n, w, r int, ok bool) { return 0, 0, 0, false }

// Cells implements targets.Quorums: a row for each write level of the topology replication,
// and a column for reads at the primary, at a replica, and at one that waits for the
// session's own last commit.
func (quorums) Cells(n int, options map[string]string) ([]targets.QuorumCell, error) {
	if err := targets.SetsItself(options, ": replicas of one primary without failover, and commits on disk when they are acknowledged", optTopology, optFailover, optFlush); err != nil {
		return nil, err
	}
	rows, columns := []string{writeAsync}, []string{readPrimary}
	if n > 1 {
		rows, columns = writeLevels[topologyReplication], []string{readPrimary, readReplica, readGTID}
	}
	var cells []targets.QuorumCell
	for _, row := range rows {
		for _, column := range columns {
			cells = append(cells, quorumCell(row, column, n > 1))
		}
	}
	return cells, nil
}

// received says of what a commit waits for what a replica's reads make of it: no write level
// waits until a replica has applied it.
var received = map[string]string{
	writeAsync:       "a commit waits for no replica",
	writeAfterSync:   "a commit waits until one replica has it in its relay log, not until it shows it",
	writeAfterCommit: "a commit waits until one replica has it in its relay log, not until it shows it",
}

func quorumCell(write, read string, replicated bool) targets.QuorumCell {
	c := targets.QuorumCell{
		Row: write, Column: read, WriteLevel: write, ReadLevel: read,
		Options: map[string]string{optTopology: topologyReplication, optFailover: off, optFlush: "1"},
	}
	if replicated {
		c.Attack.Kind = targets.AttackLag
	}
	alone := read == readPrimary
	c.Predicted = map[string]bool{models.Regular: alone, models.ReadYourWrites: read != readReplica, models.Linearizable: alone}
	switch read {
	case readPrimary:
		c.Because = "one node takes the writes and answers the reads"
	case readGTID:
		c.Because = received[write] + "; a session waits for its own last commit (MASTER_GTID_WAIT)"
	default:
		c.Because = received[write]
	}
	return c
}
