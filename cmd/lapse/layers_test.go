package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLayers counts, room by room, the pairs of files of which one refers to the other against the layers: the fewest that
// remain against any order of a package's files. docs/design.md says how many there may be. Those of databases are not held to it.
func TestLayers(t *testing.T) {
	for _, room := range []struct {
		dir    string
		nested bool
		most   int
	}{{"cmd/lapse", true, 10}, {"results", true, 3}, {"targets", false, 0}} {
		against := 0
		root := filepath.Join("..", "..", room.dir)
		err := filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" || dir != root && !room.nested {
				return fs.SkipDir
			}
			names, refers := references(t, dir)
			n, rings := againstTheLayers(t, refers)
			for _, ring := range rings {
				var in []string
				for _, i := range ring {
					in = append(in, names[i])
				}
				t.Logf("%s: these refer to each other in rings: %s", dir, strings.Join(in, ", "))
			}
			against += n
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if against > room.most {
			t.Errorf("%s has %d references from one file to another against its layers, at most %d are wanted", room.dir, against, room.most)
		}
	}
}

// TestAgainstTheLayers: the fewest references against an order, where that can be seen.
func TestAgainstTheLayers(t *testing.T) {
	for name, c := range map[string]struct {
		refers []uint64 // of each file to which others, a bit each
		want   int
	}{
		"none":              {[]uint64{0, 0}, 0},
		"layers":            {[]uint64{0b110, 0b100, 0}, 0},
		"each to the other": {[]uint64{0b10, 0b01}, 1},
		"a ring":            {[]uint64{0b010, 0b100, 0b001}, 1},
		"two rings":         {[]uint64{0b0010, 0b0001, 0b1000, 0b0100}, 2},
		"all to all":        {[]uint64{0b110, 0b101, 0b011}, 3},
	} {
		if got, _ := againstTheLayers(t, c.refers); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// references tells the files of the package in dir, and to which of them each one refers, a bit each. What other packages have is not looked
// at: where it alone would tell of which type of this package a value is, its fields and methods are not seen.
func references(t *testing.T, dir string) (names []string, refers []uint64) {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	index := map[string]int{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") || strings.HasSuffix(e.Name(), "_templ.go") {
			continue
		}
		if built, err := build.Default.MatchFile(dir, e.Name()); err != nil || !built {
			continue // what stands in for another file in another build
		}
		path := filepath.Join(dir, e.Name())
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		index[path] = len(files)
		names, files = append(names, e.Name()), append(files, f)
	}
	if len(files) > 64 {
		t.Fatalf("%s has %d files", dir, len(files))
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Error: func(error) {}, Importer: noPackages{}}
	pkg, _ := config.Check(dir, set, files, &info) // what lacks of other packages is no fault here
	refers = make([]uint64, len(files))
	for id, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		if from, to := index[set.Position(id.Pos()).Filename], index[set.Position(object.Pos()).Filename]; from != to {
			refers[from] |= 1 << to
		}
	}
	return names, refers
}

// noPackages imports each package as an empty one.
type noPackages struct{}

func (noPackages) Import(path string) (*types.Package, error) {
	pkg := types.NewPackage(path, filepath.Base(path))
	pkg.MarkComplete()
	return pkg, nil
}

// againstTheLayers is how many references point back in the order of the files in which the fewest do. Only files that refer
// to each other in rings can have such: each set of those is ordered by itself, over its subsets, and returned.
func againstTheLayers(t *testing.T, refers []uint64) (fewest int, rings [][]int) {
	t.Helper()
	reach := make([]uint64, len(refers))
	copy(reach, refers)
	for k := range refers {
		for i := range refers {
			if reach[i]>>k&1 == 1 {
				reach[i] |= reach[k]
			}
		}
	}
	var done uint64
	for i := range refers {
		if done>>i&1 == 1 {
			continue
		}
		var ring []int
		for j := range refers {
			if j == i || reach[i]>>j&1 == 1 && reach[j]>>i&1 == 1 {
				ring, done = append(ring, j), done|1<<j
			}
		}
		if len(ring) > 22 {
			t.Fatalf("%d files refer to each other in rings", len(ring))
		}
		if len(ring) > 1 {
			fewest, rings = fewest+fewestBack(refers, ring), append(rings, ring)
		}
	}
	return fewest, rings
}

// fewestBack is the same for the files of ring. Those in a subset come first in the order; to put one behind them costs the
// references that they have to it.
func fewestBack(refers []uint64, ring []int) int {
	within := make([]uint32, len(ring)) // by whom each is referred to
	for a, i := range ring {
		for b, j := range ring {
			if refers[j]>>i&1 == 1 && a != b {
				within[a] |= 1 << b
			}
		}
	}
	best := make([]int, 1<<len(ring))
	for subset := 1; subset < len(best); subset++ {
		best[subset] = len(ring) * len(ring)
		for a := range ring {
			if subset>>a&1 == 0 {
				continue
			}
			before := subset &^ (1 << a)
			// The order is from what is used to who uses it: who comes earlier must not refer to a.
			best[subset] = min(best[subset], best[before]+bits.OnesCount32(within[a]&uint32(before)))
		}
	}
	return best[len(best)-1]
}
