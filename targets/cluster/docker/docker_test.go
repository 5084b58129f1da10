//go:build linux

package docker_test

import (
	"os"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/docker"
	"github.com/lapse-test/lapse/targets/cluster/docker/standin/standintest"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	os.Exit(m.Run())
}

// inContainers makes nodes that this test's program can run on.
func inContainers(image string) func(*cluster.Spec) {
	return func(s *cluster.Spec) {
		exe, err := os.Executable()
		if err != nil {
			panic(err) // the tests cannot begin
		}
		s.Container = &cluster.Container{Image: image, User: "nobody", Mounts: []string{exe}}
	}
}

func TestConformance(t *testing.T) {
	clustertest.Conformance(t, docker.Provider{}, inContainers(standintest.Image(t, "quorumkv")))
}
