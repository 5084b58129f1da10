package registry

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// TestDetection: how long failure detection takes follows from the settings. What has
// no failover detects nothing that schedules would have to outlast.
func TestDetection(t *testing.T) {
	for _, c := range []struct {
		target  string
		nodes   int
		options map[string]string
		after   time.Duration
		deposes bool
	}{
		{target: "etcd", after: 2 * time.Second, deposes: true},
		{target: "etcd", options: map[string]string{"election_timeout": "3s"}, after: 6 * time.Second, deposes: true},
		{target: "cassandra", after: 18400 * time.Millisecond},
		{target: "cassandra", options: map[string]string{"phi_convict_threshold": "12"}, after: 27600 * time.Millisecond},
		{target: "redis"},
		{target: "redis", nodes: 6, options: map[string]string{"topology": "cluster"}, after: 5 * time.Second, deposes: true},
		{target: "redis", nodes: 6, options: map[string]string{"topology": "cluster", "cluster_node_timeout": "4s"}, after: 9 * time.Second, deposes: true},
		{target: "mysql"},
		{target: "mysql", options: map[string]string{"topology": "galera"}, after: 6500 * time.Millisecond, deposes: true},
		{target: "nats", after: 10 * time.Second, deposes: true},
		{target: "postgres"},
		{target: "postgres", options: map[string]string{"failover": "on", "failover-after": "2s"}, after: 4300 * time.Millisecond, deposes: true},
		{target: "quorumkv", after: 375 * time.Millisecond},
		{target: "quorumkv", options: map[string]string{"request_timeout": "2s"}, after: 1500 * time.Millisecond},
		{target: "quorumkv", options: map[string]string{"mode": "single-leader"}, after: time.Second, deposes: true},
		{target: "quorumkv", options: map[string]string{"mode": "single-leader", "failover": "off"}},
	} {
		target, err := targets.ByName(All(), c.target)
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := target.(targets.Describer); ok && c.options["mode"] != "" {
			if target, err = d.Describe(t.Context(), targets.Config{Options: c.options}); err != nil {
				t.Fatal(err)
			}
		}
		nodes := c.nodes
		if nodes == 0 {
			nodes = target.Info().DefaultNodes
		}
		cfg, err := target.Resolve(targets.Config{Nodes: nodes, Options: c.options, OpTimeout: 2 * time.Second})
		if err != nil {
			t.Fatalf("%s %v: %v", c.target, c.options, err)
		}
		got := target.(targets.Detector).Detection(cfg)
		if got.After != c.after || got.Deposes != c.deposes || (got.By == "") != (c.after == 0) {
			t.Errorf("%s %v: %+v, want %v (deposes: %v)", c.target, c.options, got, c.after, c.deposes)
		}
	}
}
