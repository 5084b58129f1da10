package history

import (
	"testing"
	"unsafe"
)

// TestSizes keeps the budget of 100 bytes an operation in memory.
func TestSizes(t *testing.T) {
	if got := unsafe.Sizeof(Op{}) + unsafe.Sizeof(Mop{}); got > 100 {
		t.Errorf("a plain operation takes %d bytes in memory, budget 100", got)
	}
}
