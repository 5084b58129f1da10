//go:build !lapse_builtin

package main

import (
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/registry"
)

// databases are the databases that this build drives, and nodeProviders where their nodes run:
// all there are. See builtin.go for less.
func databases() []targets.Target { return registry.All() }

// elsewhereKnown is err: no build knows more targets than this one.
func elsewhereKnown(err error) error { return err }

func nodeProviders() []providers.Entry { return registry.Providers() }
