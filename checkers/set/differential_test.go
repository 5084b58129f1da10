package set

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

func TestLinearizableExhaustive(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Add, Read: history.ReadSet, Ops: 7, Damage: 8}
	exhaust.Compare(t, NewLinearizable(), cfg, 5000, true)
}

// TestSound: whatever model set blames is no linearizable set either.
func TestSound(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Add, Read: history.ReadSet, Ops: 7, Damage: 12}
	exhaust.Compare(t, New(), cfg, 5000, false)
	exhaust.Compare(t, NewEventual(), cfg, 5000, false)
}
