package suite

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestWhatIsNotThere: a suite whose database cannot be asked is right, and its environment is not;
// one that asks for a level that there is not is wrong.
func TestWhatIsNotThere(t *testing.T) {
	env := runs.Environment{
		Targets: registry.All(), Providers: registry.Providers(), Out: t.TempDir(), Cache: t.TempDir(), Progress: harness.Silent{},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Located: &runs.Located{},
	}
	const text = `apiVersion: lapse/v1
name: there
targets:
  db: {TARGET}
cases:
  - name: one
    matrix: {target: [db], levels: [LEVELS]}
    claims: [{model: linearizable, expect: report}]
`
	for _, c := range []struct {
		target, levels, says string
		exit                 int
	}{
		{`kind: postgres, at: ["http://127.0.0.1:1"]`, "default/primary", "there.yaml:7:", verdict.ExitEnvironment},
		{`kind: postgres, at: ["http://127.0.0.1:1"]`, "default/primary", "connection refused", verdict.ExitEnvironment},
		{"kind: quorumkv, nodes: 3", "W9R9", "there.yaml:7:", verdict.ExitUsage},
	} {
		_, err := Load(t.Context(), "there.yaml", []byte(strings.NewReplacer("TARGET", c.target, "LEVELS", c.levels).Replace(text)), nil, env)
		if err == nil || runs.ExitOf(err) != c.exit || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s at %s: %v (exit %d), want %q and exit %d", c.target, c.levels, err, runs.ExitOf(err), c.says, c.exit)
		}
	}
}
