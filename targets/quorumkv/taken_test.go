package quorumkv_test

import (
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/quorumkv"
	"github.com/lapse-test/lapse/targets/targettest"
)

// TestPortTaken: a server that cannot listen is told of at once.
func TestPortTaken(t *testing.T) {
	targettest.PortTaken(t.Context(), t, quorumkv.New(), local.Provider{}, targets.Config{Nodes: 3}, 7400)
}
