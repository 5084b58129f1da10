package registry_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/lapse-test/lapse/checkers/registry"
)

// TestNames: every name of package models is that of a model there is.
func TestNames(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../models/models.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			name, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			names++
			if c, err := registry.ByName(name); err != nil || c.Model().Name != name {
				t.Errorf("there is no model %q: %v", name, err)
			}
		}
		return true
	})
	if names < 20 {
		t.Errorf("there are %d names", names)
	}
}
