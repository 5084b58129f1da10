package targets

import "github.com/lapse-test/lapse/targets/cluster"

// Podded is implemented by an Externalizer whose nodes can be made as pods. They are then an
// external cluster to the clients.
type Podded interface {
	// Pods is how the nodes of a resolved cfg are made; hosts are the names by which they reach
	// each other, in their order, and begin with the name that cluster.NodeVariable has. Its errors are *UsageError.
	Pods(cfg Config, hosts []string) (cluster.Pods, error)
}
