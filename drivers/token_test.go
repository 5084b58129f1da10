package drivers

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestReadToken: where it comes from, and that no error repeats it.
func TestReadToken(t *testing.T) {
	t.Setenv(TokenFileVariable, "")
	t.Setenv(TokenVariable, "")
	if _, err := ReadToken(""); err == nil || !strings.Contains(err.Error(), TokenVariable) {
		t.Errorf("none: %v", err)
	}
	t.Setenv(TokenVariable, "tooshort")
	if _, err := ReadToken(""); err == nil || strings.Contains(err.Error(), "tooshort") {
		t.Errorf("too short: %v", err)
	}
	t.Setenv(TokenVariable, " 0123456789abcdef\n")
	if got, err := ReadToken(""); err != nil || string(got.secret) != "0123456789abcdef" {
		t.Errorf("%v", err)
	}
	if _, err := ReadToken(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
}
