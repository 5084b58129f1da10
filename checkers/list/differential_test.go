package list

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func TestExhaustive(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Append, Read: history.ReadList, Ops: 7, Damage: 8}
	exhaust.Compare(t, New(), cfg, 5000, true)
}
