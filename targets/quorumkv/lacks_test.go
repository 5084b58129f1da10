package quorumkv

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
)

// Whoever asks for a change of members or of ranges with settings that forbid it is told which; settings that differ in that one thing allow it.
func TestLacks(t *testing.T) {
	good := map[string]string{optPartitioner: "range"}
	for _, c := range []struct {
		what   string
		nodes  int
		change map[string]string
		lacks  ability.Ability
		want   string // empty where it is there
	}{
		{"ranges", 4, nil, ability.Ranges, ""},
		{"members", 4, nil, ability.Membership, ""},
		{"ranges without any", 4, map[string]string{optPartitioner: "ring"}, ability.Ranges, "--set partitioner=range, not with ring"},
		{"members without ranges", 4, map[string]string{optPartitioner: "ring"}, ability.Membership, ""},
		{"ranges with all keys on all nodes", 3, nil, ability.Ranges, "each of the 3 nodes has all keys: give more --nodes"},
		{"members with all keys on all nodes", 3, nil, ability.Membership, "each of the 3 nodes has all keys: give more --nodes"},
		{"some members", 5, map[string]string{optMembers: "n1+n2+n3+n4"}, ability.Membership, "leave --set members out"},
		{"sloppy", 4, map[string]string{optSloppy: "true"}, ability.Ranges, "leave --set sloppy_quorum out"},
		{"grace", 4, map[string]string{optGrace: "1s"}, ability.Ranges, "leave --set tombstone_grace out"},
		{"members of raft", 3, map[string]string{optMode: "raft", optPartitioner: ""}, ability.Membership, ""},
		{"one member of raft", 1, map[string]string{optMode: "raft", optPartitioner: ""}, ability.Membership, "give more --nodes"},
		{"some members of raft", 4, map[string]string{optMode: "raft", optPartitioner: "", optMembers: "n1+n2+n3"}, ability.Membership, "leave --set members out"},
		{"members of another mode", 4, map[string]string{optMode: "sharded", optPartitioner: ""}, ability.Membership, "--set mode=leaderless or raft, not with sharded"},
		{"another mode", 4, map[string]string{optMode: "raft", optPartitioner: ""}, ability.Ranges, "--set mode=leaderless, not with raft"},
	} {
		options := maps.Clone(good)
		for name, v := range c.change {
			if options[name] = v; v == "" {
				delete(options, name)
			}
		}
		cfg := targets.Config{Nodes: c.nodes, Options: options}
		of, err := New().Describe(t.Context(), cfg)
		if err == nil {
			cfg, err = of.Resolve(cfg)
		}
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if has := slices.Contains(New().Abilities(cfg), c.lacks); has != (c.want == "") {
			t.Errorf("%s: it is there: %t", c.what, has)
		} else if got := New().Lacks(cfg, c.lacks); !has && !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}
