package postgres

import (
	"fmt"
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// quorums predicts the models that synchronous standbys promise. Its levels are no counts of
// replicas: one node takes all writes.
type quorums struct{}

// Counts implements targets.Quorums.
func (quorums) Counts(targets.Config) (n, w, r int, ok bool) { return 0, 0, 0, false }

// row says for what commits wait: k standbys, and whether these have applied them.
type row struct {
	name, level, sync string
	k                 int
	applied           bool
}

// Cells implements targets.Quorums: a row for each number k of synchronous standbys
// and what a commit waits for on them, and a column for each way to read.
func (quorums) Cells(n int, options map[string]string) ([]targets.QuorumCell, error) {
	if err := targets.SetsItself(options, ", or it would change what is promised", "sync", "failover"); err != nil {
		return nil, err
	}
	standbys := n - 1
	rows := []row{{"k=0 local", writeLocal, "none", 0, false}}
	for k := 1; k <= standbys; k++ {
		sync := "any:" + strconv.Itoa(k)
		rows = append(rows,
			row{fmt.Sprintf("k=%d on", k), writeOn, sync, k, false},
			row{fmt.Sprintf("k=%d remote_apply", k), writeRemoteApply, sync, k, true})
	}
	columns := []string{readPrimary}
	if standbys > 0 {
		columns = append(columns, readReplica, readSticky, readWaitForLSN)
	}
	var cells []targets.QuorumCell
	for _, r := range rows {
		for _, column := range columns {
			cells = append(cells, r.cell(column, standbys))
		}
	}
	return cells, nil
}

func (r row) cell(column string, standbys int) targets.QuorumCell {
	c := targets.QuorumCell{
		Row: r.name, Column: column, WriteLevel: r.level, ReadLevel: column,
		Options: map[string]string{"sync": r.sync},
	}
	if standbys > 0 {
		c.Attack.Kind = targets.AttackLag
	}
	predict := func(regular, ryw, linearizable bool) {
		c.Predicted = map[string]bool{models.Regular: regular, models.ReadYourWrites: ryw, models.Linearizable: linearizable}
	}
	switch {
	case column == readPrimary:
		predict(true, true, true)
		c.Because = "one node takes the writes and answers the reads"
	case r.applied && r.k == standbys:
		predict(true, true, false)
		c.Because = "a commit is acknowledged when every standby shows it; but one standby may show it before another"
	default:
		predict(false, column != readReplica, false)
		c.Because = fmt.Sprintf("a commit waits for %d of %d standbys to apply it, so that a read may ask one that has not", map[bool]int{true: r.k}[r.applied], standbys)
		switch column {
		case readSticky:
			c.Because += "; a session reads from the primary for a time after its own writes"
		case readWaitForLSN:
			c.Because += "; a session waits for its own last commit"
		}
	}
	return c
}
