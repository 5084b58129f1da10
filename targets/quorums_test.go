package targets

import (
	"errors"
	"strings"
	"testing"
)

// TestSetsItself: an option that the table sets itself is the user's mistake, which is told; others are not.
func TestSetsItself(t *testing.T) {
	given := map[string]string{"flush": "1", "version": "2"}
	if err := SetsItself(given, "; use --n", "rf", "sync"); err != nil {
		t.Errorf("options that the table does not set: %v", err)
	}
	var usage *UsageError
	err := SetsItself(given, "; use --n", "rf", "flush")
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--set flush: the table sets it itself; use --n") {
		t.Errorf("an option that it sets: %v", err)
	}
}
