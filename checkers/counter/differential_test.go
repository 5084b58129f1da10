package counter

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

// TestSound: whatever is blamed is not linearizable. The bounds miss some.
func TestSound(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Increment, Read: history.ReadCounter, Ops: 7, Damage: 10}
	exhaust.Compare(t, New(), cfg, 5000, false)
	exhaust.Compare(t, NewEventual(), cfg, 5000, false)
}
