//go:build lapse_builtin

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestBuiltinNamesTheOther: who asks the program of `make run` for another database is told how to come by the one that has it,
// however they ask; of other errors nothing of the kind is said.
func TestBuiltinNamesTheOther(t *testing.T) {
	suite := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(suite, []byte("apiVersion: lapse/v1\nname: s\nseed: 1\ntargets:\n  pg: {kind: postgres, nodes: 3}\ncases:\n"+
		"  - name: c\n    matrix: {target: [pg], levels: [on/primary]}\n    claims: [{model: read-your-writes, expect: holds}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const way = "`make build` makes bin/lapse, which knows them all"
	for _, c := range []struct {
		args []string
		says bool
	}{
		{[]string{"run", "--target", "postgres"}, true},
		{[]string{"hunt", "--target", "postgres"}, true},
		{[]string{"quorum", "--target", "cassandra"}, true},
		{[]string{"validate", suite}, true},
		{[]string{"run", suite}, true},
		{[]string{"run", "--target", "quorumkv", "--write-level", "0"}, false},
		{[]string{"run", "--traget", "quorumkv"}, false},
	} {
		code, _, stderr := lapse(t, c.args...)
		if code != verdict.ExitUsage || strings.Contains(stderr, way) != c.says || c.says != strings.Contains(stderr, `no target "`) {
			t.Errorf("%v: exit %d, %s", c.args, code, stderr)
		}
	}
}
