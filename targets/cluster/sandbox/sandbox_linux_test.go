package sandbox_test

import (
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

func TestConformance(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		clustertest.Conformance(t, sandbox.Provider{})
	})
}
