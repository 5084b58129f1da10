package cassandra

import (
	"maps"
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// quorums is the arithmetic of Cassandra's levels.
type quorums struct{}

// maxQuorumRate is the load, in operations per second, that three nodes on two cores can take while one is cut off.
const maxQuorumRate = 300

// Counts implements targets.Quorums. N are the replicas in all data centres. Levels
// that ask for replicas of certain data centres are counts only where there is one
// of these; those of lightweight transactions are none: a quorum of theirs promises
// more than its size.
func (quorums) Counts(cfg targets.Config) (n, w, r int, ok bool) {
	rf, err := strconv.Atoi(cfg.Options["rf"])
	if err != nil {
		return 0, 0, 0, false
	}
	top := topology{rf: rf, dcs: 1}
	if dcs := cfg.Options["dcs"]; dcs != "" {
		if top.dcs, err = strconv.Atoi(dcs); err != nil {
			return 0, 0, 0, false
		}
	}
	w, okW := count(cfg.WriteLevel, top)
	r, okR := count(cfg.ReadLevel, top)
	return top.replicas(), w, r, okW && okR
}

// count returns the number of replicas that the level with this name asks for.
func count(name string, top topology) (int, bool) {
	n := top.replicas()
	switch name {
	case "ANY":
		return 0, true
	case "ONE":
		return 1, true
	case "TWO":
		return 2, true
	case "THREE":
		return 3, true
	case "QUORUM":
		return quorum(n), true
	case "ALL":
		return n, true
	case "LOCAL_ONE":
		return 1, top.dcs == 1
	case "LOCAL_QUORUM", "EACH_QUORUM":
		return quorum(n), top.dcs == 1
	}
	return 0, false
}

// Cells implements targets.Quorums. What is predicted is what Promises says of
// reads and writes.
func (quorums) Cells(n int, options map[string]string) ([]targets.QuorumCell, error) {
	if err := targets.SetsItself(options, "; use --n", "rf"); err != nil {
		return nil, err
	}
	top := topology{nodes: n, rf: n, dcs: 1}
	var cells []targets.QuorumCell
	for _, w := range []string{"ONE", "TWO", "QUORUM", "ALL"} {
		for _, r := range []string{"ONE", "TWO", "QUORUM", "ALL"} {
			wn, _ := count(w, top)
			rn, _ := count(r, top)
			// TWO of three is QUORUM, of two ALL.
			if n <= 3 && (w == "TWO" || r == "TWO") {
				continue
			}
			c := targets.QuorumCell{
				Row: "W=" + w, Column: "R=" + r, WriteLevel: w, ReadLevel: r,
				Options: map[string]string{"rf": strconv.Itoa(n)},
				Attack:  targets.Attack{Kind: targets.AttackSplit, W: wn, R: rn},
				MaxRate: maxQuorumRate,
			}
			all := maps.Clone(options)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, c.Options)
			cfg, err := Target{}.Resolve(targets.Config{Nodes: n, WriteLevel: w, ReadLevel: r, Options: all})
			if err != nil {
				return nil, err
			}
			c.Predicted = Target{}.Promises(cfg, []history.Func{history.Read, history.Write})
			var meet bool
			if meet, c.Because = targets.CountsText(n, wn, rn); meet && !c.Predicted[models.Regular] {
				c.Longer.Kind = targets.AttackClocks // timestamps of the coordinators
			}
			cells = append(cells, c)
		}
	}
	return cells, nil
}
