// Package quorumkv lets tests run the project's own store, for which the test binary
// itself is the server:
//
//	lapsetest.Run(t, lapsetest.Suite{
//		File:    "quorum-basics",
//		Targets: []targets.Target{quorumkv.Target()},
//	})
//
// A process of a binary that imports it takes the role of a node, if it was given that,
// before TestMain is reached.
package quorumkv

import (
	"fmt"
	"os"

	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// Target is the store, for Suite.Targets.
func Target() targets.Target { return quorumkv.New() }

// init takes the role of a node.
func init() {
	if len(os.Args) > 2 && os.Args[1] == protocol.Name && os.Args[2] == "serve" {
		cmd := server.Command()
		cmd.SetArgs(os.Args[2:])
		if err := cmd.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}
