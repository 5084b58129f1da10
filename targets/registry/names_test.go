package registry

import (
	"go/ast"
	"go/token"
	slashes "path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/internal/sourcetest"
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
	root := filepath.Join("..", "..")
	files := 0
	sourcetest.Each(t, root, 0, func(set *token.FileSet, path string, f *ast.File) {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		rel = filepath.ToSlash(rel)
		for dir := rel; dir != "."; dir = slashes.Dir(dir) {
			if home, below := strings.CutPrefix(dir, "targets/"); off[dir] || below && names[home] {
				return
			}
		}
		files++
		sourcetest.Texts(f, func(at token.Pos, text string) {
			if names[text] {
				t.Errorf("%s:%d: target %s is named outside its folder: ask its Info, an ability or an interface of package targets", rel, set.Position(at).Line, text)
			}
		})
	})
	if files < 500 {
		t.Errorf("only %d files were read", files)
	}
}
