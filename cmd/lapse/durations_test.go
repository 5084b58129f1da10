package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/internal/sourcetest"
)

// TestDurations wants that what was measured is printed in the one format of
// internal/duration: a length that Round or time.Since gives is no argument of what formats
// text. Lengths that users type, such as those of flags, are shown as they are typed.
func TestDurations(t *testing.T) {
	seen := 0
	sourcetest.Each(t, "../..", 0, func(files *token.FileSet, _ string, f *ast.File) {
		bare, formats := measured(f)
		for _, at := range bare {
			t.Errorf("%s: a measured length is printed as it is: give it to duration.Text", files.Position(at))
		}
		seen += formats
	})
	if seen < 1000 {
		t.Fatalf("%d calls with a format", seen)
	}
}

// withUnit is a format of a length that has a unit by itself, however long it is.
var withUnit = regexp.MustCompile(`%[-+0-9.]*[dvfg] ?(ns|ms|µs|us)\b`)

// stamp is a moment of a history, not a length.
var stamp = regexp.MustCompile(`\b(at|stamp) %d ns\b`)

// TestLengthsHaveOneFormat: no text writes its own unit of time behind a number. Stamps of a history that is refused are as they
// stand in it.
func TestLengthsHaveOneFormat(t *testing.T) {
	for text, want := range map[string]bool{"%d ns before": true, "in %.1f ms": true, "%dms": true, "%d messages": false, "%s ms": false, "%d nodes": false} {
		if got := withUnit.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	sourcetest.Each(t, "../..", 0, func(files *token.FileSet, _ string, f *ast.File) {
		if f.Name.Name == "duration" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			text := l.Value
			if f.Name.Name == "history" {
				text = stamp.ReplaceAllString(text, "")
			}
			if withUnit.MatchString(text) {
				t.Errorf("%s: %s: give the length to duration.Text", files.Position(l.Pos()), l.Value)
			}
			return true
		})
	})
}

// TestMeasured has what the test above finds, and what it leaves.
func TestMeasured(t *testing.T) {
	for argument, want := range map[string]int{
		"time.Since(began)":                                 1,
		"time.Since(began).Round(time.Millisecond)":         1,
		"took.Round(time.Second).String()":                  1,
		"duration.Text(took.Round(time.Second))":            0,
		"duration.Text(time.Since(began))":                  0,
		"text.Round(took)":                                  0,
		"cfg.Duration":                                      0,
		"took.Truncate(time.Minute)":                        1,
		"math.Round(x)":                                     0,
		"slog.Duration(\"took\", time.Since(began))":        0,
		"time.Since(time.Unix(0, last)).Round(time.Second)": 1,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() { o.Tell(\"in %v\", "+argument+") }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if bare, formats := measured(f); len(bare) != want || formats != 1 {
			t.Errorf("%s: %d found, %d wanted, in %d formats", argument, len(bare), want, formats)
		}
	}
}

// measured are the places in f where a measured length is an argument after a format, and
// how many calls with a format there are.
func measured(f *ast.File) (bare []token.Pos, formats int) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		after := -1
		for i, a := range call.Args {
			if l, ok := a.(*ast.BasicLit); ok && l.Kind == token.STRING && strings.Contains(l.Value, "%") {
				after = i
			}
		}
		if after < 0 {
			return true
		}
		formats++
		for _, a := range call.Args[after+1:] {
			if isLength(a) {
				bare = append(bare, a.Pos())
			}
		}
		return true
	})
	return bare, formats
}

// isLength says whether e is time.Since(...), or is rounded to a unit of time, or the text that
// the package time makes of such.
func isLength(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, _ := s.X.(*ast.Ident)
	switch s.Sel.Name {
	case "Since", "Until":
		return of != nil && of.Name == "time"
	case "String":
		return isLength(s.X)
	case "Round", "Truncate":
		unit := false
		for _, a := range call.Args {
			ast.Inspect(a, func(n ast.Node) bool {
				u, ok := n.(*ast.SelectorExpr)
				if ok {
					x, _ := u.X.(*ast.Ident)
					unit = unit || x != nil && x.Name == "time"
				}
				return true
			})
		}
		return unit
	}
	return false
}
