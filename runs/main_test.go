package runs

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	targetregistry "github.com/lapse-test/lapse/targets/registry"
)

// TestMain runs the tests in a sandbox, with the software of the targets fetched
// before, while there is a network. Nodes of quorumkv are this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "quorumkv" {
		os.Exit(serve(os.Args[2:]))
	}
	sandboxtest.Waiting()
	os.Exit(sandboxtest.Main(m, func() error { return fetchFor("postgres") }))
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

func fetchFor(name string) error {
	t, err := targets.ByName(targetregistry.All(), name)
	if err != nil {
		return err
	}
	f, ok := t.(targets.Fetcher)
	if !ok {
		return nil
	}
	cfg, err := t.Resolve(targets.Config{Nodes: t.Info().DefaultNodes, Cache: testCache()})
	if err != nil {
		return err
	}
	cfg.Progress = func(line string) { fmt.Fprintln(os.Stderr, line) }
	return f.Fetch(context.Background(), cfg)
}
