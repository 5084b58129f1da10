package registry_test

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/internal/sourcetest"
	"github.com/lapse-test/lapse/workloads"
)

// TestNoLiterals: targets and workloads speak of models by the values of package models.
// Names of one word are words for other things too, and are not looked for.
func TestNoLiterals(t *testing.T) {
	names := map[string]bool{}
	for _, m := range registry.All() {
		names[m.Name] = strings.Contains(m.Name, "-")
	}
	for _, w := range workloads.Names() {
		names[w] = false // its own
	}
	files := 0
	for _, dir := range []string{"../../targets", "../../workloads", "../../runs/quorum"} {
		files += sourcetest.Each(t, dir, 0, func(set *token.FileSet, _ string, f *ast.File) {
			sourcetest.Texts(f, func(at token.Pos, text string) {
				if names[text] {
					t.Errorf("%s: the model %s is named by a literal: use package models", set.Position(at), text)
				}
			})
		})
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}
