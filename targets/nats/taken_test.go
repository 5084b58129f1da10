package nats

import (
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/targettest"
)

// TestPortTaken: a server that cannot listen is told of at once. Servers of a cluster know each other by one address, for which
// the local provider has no place.
func TestPortTaken(t *testing.T) {
	targettest.PortTaken(t.Context(), t, Target{}, local.Provider{}, targets.Config{Nodes: 1, Cache: Built()}, clientPort)
}
