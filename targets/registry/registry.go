// Package registry knows all targets. A target is added by one line here.
package registry

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cassandra"
	"github.com/lapse-test/lapse/targets/dynamodb"
	"github.com/lapse-test/lapse/targets/etcd"
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
	}
}

// ByName finds a target; the error names those there are.
func ByName(name string) (targets.Target, error) {
	all := All()
	i := slices.IndexFunc(all, func(t targets.Target) bool { return t.Info().Name == name })
	if i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for j, t := range all {
		names[j] = t.Info().Name
	}
	return nil, targets.Usagef("no target %q; there are: %s", name, strings.Join(names, ", "))
}
