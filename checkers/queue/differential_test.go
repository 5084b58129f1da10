package queue

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/history"
)

// TestFIFOExhaustive: exact where everything was acknowledged.
func TestFIFOExhaustive(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Enqueue, Read: history.Dequeue, Ops: 7, Damage: 10, Acked: true}
	exhaust.Compare(t, NewFIFO(), cfg, 5000, true)
}

// TestFIFOSound: with failed and indeterminate operations nothing legal is
// blamed.
func TestFIFOSound(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Enqueue, Read: history.Dequeue, Ops: 7, Damage: 10}
	exhaust.Compare(t, NewFIFO(), cfg, 5000, false)
}

// TestSound: whatever model queue blames is no FIFO queue either.
func TestSound(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Enqueue, Read: history.Dequeue, Ops: 7, Damage: 10}
	exhaust.Compare(t, New(), cfg, 5000, false)
}
