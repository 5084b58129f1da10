package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// eachSource gives look each Go file of the program, without its tests, parsed with mode and without resolving objects.
func eachSource(t *testing.T, mode parser.Mode, look func(files *token.FileSet, f *ast.File)) {
	t.Helper()
	files := token.NewFileSet()
	if err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, mode|parser.SkipObjectResolution)
		if err == nil {
			look(files, f)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
