package defect_test

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/internal/sourcetest"
	"github.com/lapse-test/lapse/quorumkv/defect"
)

// Every defect is looked at somewhere in the store, and nowhere but by asking whether it is on: what is not on changes nothing.
func TestEveryDefectIsASwitch(t *testing.T) {
	uses := map[string]int{}
	sourcetest.Each(t, "..", 0, func(files *token.FileSet, _ string, f *ast.File) {
		asked := map[ast.Expr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Has" || s.Sel.Name == "has") && len(n.Args) == 1 {
					asked[n.Args[0]] = true
				}
			case *ast.SelectorExpr:
				if p, ok := n.X.(*ast.Ident); !ok || p.Name != "defect" || !isDefect(n.Sel.Name) {
					break
				}
				if uses[n.Sel.Name]++; !asked[n] {
					t.Errorf("%s: %s is not an argument of Has", files.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	})
	for _, d := range defect.All() {
		if name := constant(d.Name); uses[name] == 0 {
			t.Errorf("%s: %s is looked at nowhere", d.Name, name)
		}
	}
}

// isDefect tells a constant of a defect by its name.
func isDefect(name string) bool {
	for _, d := range defect.All() {
		if constant(d.Name) == name {
			return true
		}
	}
	return false
}

// constant is how the constant of a defect is spelled: AckBeforeQuorum of ack-before-quorum.
func constant(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Each mode has defects of its own, and there are thirty at least.
func TestDefectsOfAllModes(t *testing.T) {
	n := 0
	for _, mode := range []string{"leaderless", "raft", "single-leader", "multi-leader", "sharded"} {
		of := defect.Of(mode)
		if n += len(of); len(of) < 2 {
			t.Errorf("mode %s has the defects %q alone", mode, of)
		}
	}
	if all := len(defect.All()); n != all || all < 30 {
		t.Errorf("%d defects, %d of them of a mode", all, n)
	}
}
