package postgres

import (
	"maps"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name        string
		write, read string
		options     map[string]string
		want        map[string]bool
	}{
		{"primary alone", "on", "primary", nil, map[string]bool{"linearizable": true, "no-lost-writes": true, "read-committed": true, "snapshot-isolation": false, "repeatable-read": false}},
		{"not flushed", "off", "primary", nil, map[string]bool{"no-lost-writes": false, "read-committed": true, "snapshot-isolation": false, "repeatable-read": false}},
		{"snapshots", "on", "primary", map[string]string{"isolation": "repeatable read"}, map[string]bool{"linearizable": true, "no-lost-writes": true, "snapshot-isolation": true, "repeatable-read": false}},
		{"serializable", "on", "primary", map[string]string{"isolation": "serializable"}, map[string]bool{"linearizable": true, "no-lost-writes": true, "serializable": true}},
		{"asynchronous replica", "local", "replica", nil, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "no-lost-writes": true}},
		{"applied on some", "remote_apply", "replica", map[string]string{"sync": "any:1"}, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "no-lost-writes": true}},
		{"applied on all", "remote_apply", "replica", map[string]string{"sync": "any:2"}, map[string]bool{"linearizable": false, "regular": true, "read-your-writes": true, "no-lost-writes": true}},
		{"waits for its own", "local", "wait-for-lsn", nil, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": true, "no-lost-writes": true}},
		{"sticks for a while", "local", "sticky", nil, map[string]bool{"linearizable": false, "regular": false, "no-lost-writes": true}},
		{"asynchronous failover", "on", "primary", map[string]string{"failover": "on"}, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "no-lost-writes": false}},
		{"synchronous failover", "remote_apply", "primary", map[string]string{"failover": "on", "sync": "any:1"}, map[string]bool{}},
		{"Patroni", "on", "primary", map[string]string{"failover": "patroni"}, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "no-lost-writes": false}},
		{"synchronous Patroni", "on", "primary", map[string]string{"failover": "patroni", "synchronous_mode": "on"}, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "no-lost-writes": true}},
		{"synchronous Patroni, not waited for", "local", "primary", map[string]string{"failover": "patroni", "synchronous_mode": "on"}, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "no-lost-writes": false}},
		{"several leaders", "on", "any", map[string]string{"topology": "multi-leader"}, map[string]bool{"linearizable": false, "regular": false, "sequential": false, "eventual": false, "no-lost-writes": false, "snapshot-isolation": false, "serializable": false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := targets.Config{Nodes: 3, WriteLevel: c.write, ReadLevel: c.read, Options: c.options}
			if got := (Target{}).Promises(cfg, nil); !maps.Equal(got, c.want) {
				t.Errorf("it promises %v, want %v", got, c.want)
			}
		})
	}
}
