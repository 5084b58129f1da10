package runs

import (
	"context"
	"flag"
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
	flag.Parse()
	if !set("test.parallel") {
		// What runs side by side here waits most of the time: for faults, for settling.
		_ = flag.Set("test.parallel", "4")
	}
	os.Exit(sandboxtest.Main(m, func() error { return fetchFor("postgres") }))
}

// set reports whether the command line has the flag.
func set(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
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
