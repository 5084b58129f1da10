// Package docker runs a cluster as containers of a Docker engine on this machine,
// through dockertest.
//
// For every cluster there is one network, without a way out of it, and for every
// node
//
//	holder    a container that does nothing: it owns the node's network namespace,
//	          and with it the address and the firewall
//	main      the container of the main process, which joins that namespace
//
// both of the same image and with the same mounts. A main container lives as long
// as its process: Start makes one, and when the process has ended, for whatever
// reason, it is removed; what outlives it is the node's directory, which is bound
// into the containers at the path that it has on this machine. The holder is there
// so that a cut outlives a kill and a restart of the database, as it does on a real
// network and in the sandbox, and so that a node keeps its address: were the rules
// in the namespace of the database's own container, each restart would open the
// network for a moment. Exec runs in the main container, or in the holder when
// there is none.
//
// Links are cut by the code that the sandbox uses, in the holder's namespace, which
// takes root: an ordinary user who may use the engine can kill and pause, and is
// told so when a link is to be cut. What nodes send to the clients is dropped in
// this machine's own namespace, in a table named after the cluster. That bridged
// packets pass through this machine's iptables does no harm, because the engine
// itself lets through what stays on one of its networks.
//
// Everything carries labels that name the run and the process that made it, by its
// id, its start and the boot. Clean removes what belongs to processes that are no
// more, and Open begins with that.
package docker

import "github.com/lapse-test/lapse/targets/cluster"

// Name is the provider's name.
const Name = "docker"

// Provider makes clusters of containers; the zero value, with the engine that
// DOCKER_HOST names or the usual one, is ready. It is safe for concurrent use.
type Provider struct {
	// Host is the engine's address, such as unix:///run/docker.sock.
	Host string
}

var _ cluster.Provider = Provider{}

// Name is "docker".
func (Provider) Name() string { return Name }

// Removed is something that Clean removed: a container, network, directory or table.
type Removed = cluster.Removed
