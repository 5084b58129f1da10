// Package sourcetest reads the program's own source for tests that hold it to a rule.
package sourcetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Each gives look each Go file below dir, without tests and what stands below a testdata or a hidden folder, parsed with mode and without resolving
// objects, and says how many there were. A file that cannot be parsed ends the test. It is called by the test's own goroutine.
func Each(t testing.TB, dir string, mode parser.Mode, look func(files *token.FileSet, path string, f *ast.File)) (read int) {
	t.Helper()
	files := token.NewFileSet()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != dir && (name == "testdata" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, mode|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		read++
		look(files, path, f)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return read
}

// Texts gives look each string literal of f, and where it is.
func Texts(f *ast.File, look func(at token.Pos, text string)) {
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				look(lit.Pos(), text)
			}
		}
		return true
	})
}
