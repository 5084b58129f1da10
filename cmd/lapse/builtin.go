//go:build lapse_builtin

package main

import (
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// With the tag lapse_builtin lapse knows its own store alone. `make run` builds that,
// because it takes a fraction of the time: no driver of another database and no client of
// a container engine has to be compiled.
func databases() []targets.Target { return []targets.Target{quorumkv.New()} }

func nodeProviders() []providers.Entry { return providers.Native() }
