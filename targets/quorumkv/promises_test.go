package quorumkv

import (
	"maps"
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
