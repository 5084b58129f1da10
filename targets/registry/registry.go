// Package registry knows all targets, and all places where they can run. A target is
// added by one line here. Whoever imports it builds the driver of every database:
// packages that can do with the targets they are given (runs, suite, lapsetest) do not.
package registry

//go:generate go test -count=1 -run ^TestPromisesPage$ . -update

import (
	"slices"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cassandra"
	"github.com/lapse-test/lapse/targets/cluster/docker"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/targets/dynamodb"
	"github.com/lapse-test/lapse/targets/etcd"
	"github.com/lapse-test/lapse/targets/exec"
	"github.com/lapse-test/lapse/targets/mongodb"
	"github.com/lapse-test/lapse/targets/mysql"
	"github.com/lapse-test/lapse/targets/nats"
	"github.com/lapse-test/lapse/targets/postgres"
	"github.com/lapse-test/lapse/targets/quorumkv"
	"github.com/lapse-test/lapse/targets/redis"
)

// All are the targets there are, in the order in which they are shown.
func All() []targets.Target {
	return []targets.Target{
		quorumkv.New(),
		postgres.Target{},
		cassandra.Target{},
		dynamodb.Target{},
		redis.Target{},
		etcd.Target{},
		mysql.Target{},
		nats.Target{},
		mongodb.Target{},
		exec.Target{},
	}
}

// Providers are the places where nodes can run, in the order in which they are tried.
func Providers() []providers.Entry {
	all := providers.Native()
	engine := providers.Entry{Provider: docker.Provider{}, About: "containers of a Docker engine", Auto: true}
	// Before what is never chosen unasked.
	i := slices.IndexFunc(all, func(e providers.Entry) bool { return !e.Auto })
	all[i].Provider = external.Provider{Finder: kubernetes.Finder{}}
	all = append(all, providers.Entry{Provider: &kubernetes.Provider{}, About: "whole runs in a namespace of their own of a Kubernetes", Whole: true})
	return slices.Insert(all, i, engine)
}
