package ministore

import (
	"fmt"
	"os"
	"testing"

	"github.com/lapse-test/lapse/lapsetest"
	"github.com/lapse-test/lapse/targets"
)

// TestMain makes this binary the store when it is started as such.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "ministore" {
		fmt.Fprintln(os.Stderr, Serve(os.Args[2], os.Args[3], os.Args[4] == "true", os.Args[5]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestMinistore(t *testing.T) {
	lapsetest.Run(t, lapsetest.Suite{File: "suite.yaml", Targets: []targets.Target{Target{}}})
}
