package quorumkv

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// quorums is the arithmetic of R and W.
type quorums struct{}

// Counts implements targets.Quorums.
func (quorums) Counts(cfg targets.Config) (n, w, r int, ok bool) {
	n, w, r, err := Levels(cfg)
	return n, w, r, err == nil
}

// Cells implements targets.Quorums: every count of replicas for writes and for
// reads.
func (quorums) Cells(n int, options map[string]string) ([]targets.QuorumCell, error) {
	if err := targets.SetsItself(options, "; use --n", optReplication); err != nil {
		return nil, err
	}
	var cells []targets.QuorumCell
	for w := 1; w <= n; w++ {
		for r := 1; r <= n; r++ {
			cells = append(cells, cell(n, w, r, options))
		}
	}
	return cells, nil
}

func cell(n, w, r int, options map[string]string) targets.QuorumCell {
	stamps := timestamps(options, n, w)
	meet, because := targets.CountsText(n, w, r)
	ordered := stamps == stampsQuorum || n == 1
	switch {
	case ordered || !meet:
	case 2*w <= n:
		// Gifford's second condition (weighted voting, 1979).
		because += fmt.Sprintf("; but 2W = %d <= N: two writes, one after the other, may meet on no replica, and only clocks tell which is the last one", 2*w)
	default:
		because += "; but the coordinator of a write need not have seen the one before, and then only clocks tell which is the last one"
	}
	// A write whose timestamp comes after all that a quorum knows, and a read that
	// writes back what it saw before it answers: Attiya, Bar-Noy and Dolev.
	abd := options[optReadRepair] == "blocking" && stamps == stampsQuorum
	c := targets.QuorumCell{
		Row: "W=" + named(w, n), Column: "R=" + named(r, n),
		WriteLevel: strconv.Itoa(w), ReadLevel: strconv.Itoa(r),
		Options: map[string]string{optReplication: strconv.Itoa(n), optTimestamps: stamps},
		Predicted: map[string]bool{
			models.Regular: meet && ordered, models.ReadYourWrites: meet && ordered, models.Linearizable: n == 1 || meet && abd,
		},
		Because: because,
		Attack:  targets.Attack{Kind: targets.AttackSplit, W: w, R: r},
	}
	if meet && !ordered {
		c.Longer.Kind = targets.AttackClocks
	}
	return c
}

// Where writes take their timestamps from.
const (
	stampsCoordinator = "coordinator"
	stampsQuorum      = "quorum"
)

// timestamps are where the writes of a row take their timestamps from, unless the
// user says it: from a quorum where W is one, which asks no more replicas than the
// write needs anyway. A smaller W with it would need more of them, and would no
// longer be that W.
func timestamps(options map[string]string, n, w int) string {
	switch given := options[optTimestamps]; {
	case given != "":
		return given
	case 2*w > n:
		return stampsQuorum
	}
	return stampsCoordinator
}

// named is a count of replicas with the names that quorumkv has for it.
func named(k, n int) string {
	names := []string{strconv.Itoa(k)}
	for _, l := range []struct {
		name  string
		count int
	}{{"ONE", 1}, {"QUORUM", n/2 + 1}, {"ALL", n}} {
		if l.count == k {
			names = append(names, l.name)
		}
	}
	return strings.Join(names, " ")
}
