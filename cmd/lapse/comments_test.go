package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/lapse-test/lapse/internal/sourcetest"
)

// TestComments wants a comment at every exported function, method, type and value of the
// program, those too that linters do not ask about, such as Error and String.
func TestComments(t *testing.T) {
	seen := 0
	sourcetest.Each(t, "../..", parser.ParseComments, func(files *token.FileSet, _ string, f *ast.File) {
		for _, d := range f.Decls {
			for _, name := range bare(d) {
				t.Errorf("%s: %s has no comment", files.Position(d.Pos()), name)
			}
			seen++
		}
	})
	if seen < 1000 {
		t.Fatalf("%d declarations", seen)
	}
}

// bare are the exported names that d declares without a comment.
func bare(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || receiver(d.Recv.List[0].Type).IsExported()) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && s.Doc == nil && s.Name.IsExported() {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if d.Doc == nil && s.Doc == nil && s.Comment == nil && n.IsExported() {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

// receiver is the name of a method's type.
func receiver(t ast.Expr) *ast.Ident {
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x
		default:
			return ast.NewIdent("")
		}
	}
}
