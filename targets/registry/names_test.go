package registry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/exec"
)

// TestNamedAtHome: nobody outside a target's own folder decides anything by the target's name. The folders that are let off have
// the same word for something else: quorumkv says there what it is called, and stand-ins and a Kubernetes for tests start programs.
func TestNamedAtHome(t *testing.T) {
	names := map[string]bool{}
	for _, target := range All() {
		names[target.Info().Name] = target.Info().Name != exec.Name // a word for much else too
	}
	off := map[string]bool{
		"quorumkv/protocol": true, "internal/standin": true, "targets/cluster/kubernetes/kubernetestest": true,
	}
	files := 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			home, below := strings.CutPrefix(rel, "targets/")
			if off[rel] || below && names[home] || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && rel != "." {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && names[text] {
					t.Errorf("%s:%d: target %s is named outside its folder: ask its Info, an ability or an interface of package targets", rel, set.Position(lit.Pos()).Line, text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 500 {
		t.Errorf("only %d files were read", files)
	}
}
