package redis

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// quorums predicts the models that WAIT promises with one primary and no failover. Its levels
// are no counts that meet: the primary alone decides what is written.
type quorums struct{}

// Counts implements targets.Quorums.
func (quorums) Counts(targets.Config) (n, w, r int, ok bool) { return 0, 0, 0, false }

// Cells implements targets.Quorums: a row for each number of replicas that a write waits for,
// and a column for reads at the primary and at replicas.
func (quorums) Cells(n int, options map[string]string) ([]targets.QuorumCell, error) {
	if err := targets.SetsItself(options, ": a primary that syncs what it acknowledges and no failover, without which WAIT promises nothing", optTopology, optAppendfsync); err != nil {
		return nil, err
	}
	replicas := n - 1
	columns := []string{readPrimary}
	if replicas > 0 {
		columns = append(columns, readReplica)
	}
	var cells []targets.QuorumCell
	for wait := range replicas + 1 {
		for _, column := range columns {
			cells = append(cells, quorumCell(wait, replicas, column))
		}
	}
	return cells, nil
}

// quorumCell says what is promised when a write waits for so many of the replicas. A replica
// acknowledges what it has carried out, and answers reads from that ("WAIT", "Redis
// replication": replicas acknowledge the amount of the stream that they processed).
func quorumCell(wait, replicas int, read string) targets.QuorumCell {
	level := settings{wait: wait}.writeLevel()
	c := targets.QuorumCell{
		Row: level, Column: read, WriteLevel: level, ReadLevel: read,
		Options: map[string]string{optTopology: topologyReplication, optAppendfsync: appendfsyncAlways},
	}
	if replicas > 0 {
		// One node after the other is cut off: the primary, or a replica that still answers.
		c.Attack = targets.Attack{Kind: targets.AttackSplit, W: 1, R: replicas}
	}
	predict := func(regular, linearizable bool) {
		c.Predicted = map[string]bool{models.Regular: regular, models.ReadYourWrites: regular, models.Linearizable: linearizable}
	}
	switch {
	case read == readPrimary:
		predict(true, true)
		c.Because = "one node takes the writes and answers the reads"
	case wait == replicas:
		predict(true, false)
		c.Because = "a write is acknowledged when every replica has carried it out; but one replica may show it before another"
	default:
		predict(false, false)
		c.Because = fmt.Sprintf("a write waits for %d of %d replicas, so that a read may ask one that does not have it", wait, replicas)
	}
	return c
}
