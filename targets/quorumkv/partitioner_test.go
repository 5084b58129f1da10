package quorumkv

import (
	"maps"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// The partitioner's settings as they are resolved, and as a node is told them.
func TestPartitionerSettings(t *testing.T) {
	for _, c := range []struct {
		given, want map[string]string
		args        []string
	}{
		{nil, map[string]string{"partitioner": "ring", "virtual_nodes": "256", "split_points": ""},
			[]string{"--partitioner", "ring", "--virtual-nodes", "256"}},
		{map[string]string{"virtual_nodes": "1"}, map[string]string{"partitioner": "ring", "virtual_nodes": "1", "split_points": ""},
			[]string{"--partitioner", "ring", "--virtual-nodes", "1"}},
		{map[string]string{"partitioner": "modulo"}, map[string]string{"partitioner": "modulo", "virtual_nodes": "", "split_points": ""},
			[]string{"--partitioner", "modulo"}},
		{map[string]string{"partitioner": "range"}, map[string]string{"partitioner": "range", "virtual_nodes": "", "split_points": "k2+k4+k6+k8"},
			[]string{"--partitioner", "range", "--split-points", "k2", "--split-points", "k4", "--split-points", "k6", "--split-points", "k8"}},
		{map[string]string{"partitioner": "range", "split_points": "none"}, map[string]string{"partitioner": "range", "virtual_nodes": "", "split_points": "none"},
			[]string{"--partitioner", "range"}},
	} {
		cfg, err := New().Resolve(targets.Config{Nodes: 3, Options: maps.Clone(c.given)})
		if err != nil {
			t.Errorf("%v: %v", c.given, err)
			continue
		}
		for name, want := range c.want {
			if got := cfg.Options[name]; got != want {
				t.Errorf("%v: %s is %q, want %q", c.given, name, got, want)
			}
		}
		if got := partitionerArgs(cfg.Options); !slices.Equal(got, c.args) {
			t.Errorf("%v: a node gets %q, want %q", c.given, got, c.args)
		}
	}
}

// With digits, the order of the bytes of keys is that of their numbers; without, names are as they are.
func TestKeyNames(t *testing.T) {
	for _, c := range []struct {
		digits string
		keys   []history.Key
		want   []string
	}{
		{"", []history.Key{2, 10}, []string{"k2", "k10"}},
		{"0", []history.Key{2, 10}, []string{"k2", "k10"}},
		{"3", []history.Key{2, 10, 999, 1000}, []string{"k002", "k010", "k999", "k1000"}},
	} {
		for i, k := range c.keys {
			if got := keyName(k, map[string]string{optKeyDigits: c.digits}); got != c.want[i] {
				t.Errorf("%v with %q digits is %s, want %s", k, c.digits, got, c.want[i])
			}
		}
	}
	if _, err := New().Resolve(targets.Config{Nodes: 3, Options: map[string]string{optKeyDigits: "20"}}); err == nil {
		t.Error("20 digits are taken")
	}
}
