package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestBudgetFlags: what bounds a check is above 0, and a number at all.
func TestBudgetFlags(t *testing.T) {
	for _, c := range []struct {
		args, says string
	}{
		{"--check-time 5s --max-violations 1", ""},
		{"--check-time 0s", "must be a time above 0"},
		{"--check-time -1s", "must be a time above 0"},
		{"--check-time NaN", "must be a time above 0"},
		{"--check-time 1e300s", "must be a time above 0"},
		{"--max-violations 0", "must be a whole number from 1"},
		{"--max-violations -1", "must be a whole number from 1"},
		{"--max-violations NaN", "must be a whole number from 1"},
		{"--max-violations 1e300", "must be a whole number from 1"},
	} {
		a := &App{}
		cmd := &cobra.Command{}
		cmd.SetErr(new(bytes.Buffer))
		a.AddBudgetFlags(cmd)
		err := cmd.ParseFlags(strings.Fields(c.args))
		if c.says == "" && (err != nil || a.Budget.Time != 5*time.Second || a.Budget.MaxViolations != 1) ||
			c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, %+v", c.args, err, a.Budget)
		}
	}
}
