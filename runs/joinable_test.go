package runs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lapse-test/lapse/drivers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/exec"
)

// TestJoinBeginsNoProgram: whoever sends a plan to a driver has it begin no program of its machine.
func TestJoinBeginsNoProgram(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	plan, err := json.Marshal(harness.Plan{Run: settings.Run{Target: exec.Name, Options: map[string]string{"program": "touch " + made}}})
	if err != nil {
		t.Fatal(err)
	}
	var usage *targets.UsageError
	if _, err := Join(t.Context(), &drivers.Job{Plan: plan}, Environment{Targets: []targets.Target{exec.Target{}}}); !errors.As(err, &usage) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("the program was begun")
	}
}
