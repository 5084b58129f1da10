package quorumkv

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

func TestPromises(t *testing.T) {
	strict := map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"}
	for _, c := range []struct {
		name        string
		write, read string
		options     map[string]string
		want        map[string]bool
	}{
		{"strict quorums", "2", "2", strict, map[string]bool{"linearizable": true, "no-lost-writes": true}},
		{"strict, uneven", "ALL", "ONE", strict, map[string]bool{"linearizable": true, "no-lost-writes": true}},
		{"strict, no overlap", "1", "2", strict, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "monotonic-reads": false, "no-lost-writes": true}},
		{"no repair", "2", "2", map[string]string{"read_repair": "off", "write_timestamps": "quorum"}, map[string]bool{"linearizable": false, "regular": true, "read-your-writes": true, "monotonic-reads": false, "no-lost-writes": true}},
		{"clocks decide", "2", "2", nil, map[string]bool{"linearizable": false}},
		{"clocks decide, no overlap", "1", "1", nil, map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "monotonic-reads": false}},
		{"not synced", "2", "2", map[string]string{"read_repair": "blocking", "write_timestamps": "quorum", "fsync": "false"}, map[string]bool{"linearizable": false}},
		{"a defect changes no promise", "2", "2", map[string]string{"read_repair": "blocking", "write_timestamps": "quorum", "defects": "stale-cache"}, map[string]bool{"linearizable": true, "no-lost-writes": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := New().Resolve(targets.Config{Nodes: 3, WriteLevel: c.write, ReadLevel: c.read, Options: c.options})
			if err != nil {
				t.Fatal(err)
			}
			if got := New().Promises(cfg, nil); !maps.Equal(got, c.want) {
				t.Errorf("it promises %v, want %v", got, c.want)
			}
		})
	}
}

func TestRaftPromises(t *testing.T) {
	old := map[string]bool{"linearizable": false, "regular": false, "read-your-writes": false, "monotonic-reads": false, "no-lost-writes": true}
	strict := map[string]bool{"linearizable": true, "no-lost-writes": true}
	for _, c := range []struct {
		read, fsync string
		want        map[string]bool
	}{
		{"", "true", strict},
		{"read-index", "true", strict},
		{"lease", "true", strict},
		{"follower", "true", old},
		{"read-index", "false", map[string]bool{"linearizable": false}},
	} {
		cfg := targets.Config{Nodes: 3, ReadLevel: c.read, Options: map[string]string{"mode": "raft", "fsync": c.fsync}}
		raft, err := New().Describe(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = raft.Resolve(cfg); err != nil {
			t.Fatal(err)
		}
		if got := raft.(targets.Promiser).Promises(cfg, nil); !maps.Equal(got, c.want) {
			t.Errorf("at %q with fsync=%s it promises %v, want %v", c.read, c.fsync, got, c.want)
		}
	}
}

// What one mode has the other refuses, and says what there is.
func TestModesRefuse(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  targets.Config
		want string
	}{
		{"a mode that is not there", targets.Config{Options: map[string]string{"mode": "paxos"}}, "there are: leaderless, raft"},
		{"a level of leaderless", targets.Config{WriteLevel: "QUORUM", Options: map[string]string{"mode": "raft"}}, "there is majority"},
		{"a read level of leaderless", targets.Config{ReadLevel: "ONE", Options: map[string]string{"mode": "raft"}}, "there is read-index, lease, follower"},
		{"a level of raft", targets.Config{ReadLevel: "lease"}, "level"},
		{"a setting of leaderless", targets.Config{Options: map[string]string{"mode": "raft", "read_repair": "off"}}, "read_repair"},
		{"a setting of raft", targets.Config{Options: map[string]string{"log_entries": "5"}}, "log_entries"},
		{"a defect of leaderless", targets.Config{Options: map[string]string{"mode": "raft", "defects": "read-one"}}, "mode raft has no defect"},
		{"no entries", targets.Config{Options: map[string]string{"mode": "raft", "log_entries": "0"}}, "log_entries: 0 must be"},
		{"a short timeout", targets.Config{Options: map[string]string{"mode": "raft", "election_timeout": "2ms"}}, "election_timeout: 2ms must be"},
	} {
		c.cfg.Nodes = 3
		target, err := New().Describe(t.Context(), c.cfg)
		if err == nil {
			_, err = target.Resolve(c.cfg)
		}
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Text, c.want) {
			t.Errorf("%s: %v, want one with %q", c.name, err, c.want)
		}
	}
}
