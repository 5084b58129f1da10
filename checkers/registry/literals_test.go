package registry_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers/registry"
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
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			files++
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(lit.Value); err == nil && names[text] {
					t.Errorf("%s: the model %s is named by a literal: use package models", set.Position(lit.Pos()), text)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}
