package quorumkv_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// TestMain runs the tests in a sandbox. Nodes of quorumkv are this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "quorumkv" {
		os.Exit(serve(os.Args[2:]))
	}
	os.Exit(sandboxtest.Main(m, func() error { return nil }))
}

func serve(args []string) int {
	cmd := server.Command()
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
