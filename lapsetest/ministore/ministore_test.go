package ministore

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/lapsetest"
	"github.com/lapse-test/lapse/targets"
)

// TestMain makes this binary the store when it is started as such.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "ministore" {
		fmt.Fprintln(os.Stderr, Serve(os.Args[2], os.Args[3], os.Args[4] == "true"))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestMinistore(t *testing.T) {
	lapsetest.Run(t, lapsetest.Suite{File: "suite.yaml", Targets: []targets.Target{Target{}}})
}

// TestDoc: what docs/own-database.md shows is what runs here.
func TestDoc(t *testing.T) {
	doc, err := os.ReadFile("../../docs/own-database.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range []string{"client.go", "target.go", "ministore_test.go", "suite.yaml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	blocks := 0
	for i, part := range strings.Split(string(doc), "```") {
		kind, code, _ := strings.Cut(part, "\n")
		if i%2 == 0 || kind == "" {
			continue
		}
		blocks++
		for piece := range strings.SplitSeq(code, "\n\n") {
			if !strings.Contains(all.String(), strings.TrimSpace(piece)) {
				t.Errorf("the page shows what is not there:\n%s", piece)
			}
		}
	}
	if blocks < 5 {
		t.Errorf("the page shows %d pieces", blocks)
	}
}
