package externaltest

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestQuorumkvFirstSuite: the first suite is for the mode that the nodes have, whose levels keep what it says; with an operator's commands the negative control is seen.
func TestQuorumkvFirstSuite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode, flags string
		says        string // a claim that is of the mode's own
		control     bool
	}{
		{"leaderless", "--read-repair off --write-timestamps coordinator", "{model: read-your-writes, expect: report}", true},
		{"leaderless", "--read-repair blocking --write-timestamps coordinator", "{model: read-your-writes, expect: report}", true},
		{"leaderless", "--read-repair off --write-timestamps quorum", `levels: ["QUORUM/ONE"]`, true},
		{"leaderless", "--read-repair async --write-timestamps quorum", `read_repair: "async", write_timestamps: "quorum"`, true},
		{"leaderless", "--read-repair blocking --write-timestamps quorum", "There is no negative control here", false},
		{"leaderless", "--replication 1 --read-repair off --write-timestamps quorum", "{model: read-your-writes, expect: holds}", false},
		{"raft", "", `levels: ["majority/read-index", "majority/lease"]`, true},
		{"single-leader", "", `levels: ["semi-sync/follower", "semi-sync/max-lag", "semi-sync/sticky"]`, true},
		{"single-leader", "--failover=false", `levels: ["semi-sync/follower", "semi-sync/max-lag", "semi-sync/sticky"]`, true},
		{"multi-leader", "", "{model: eventual, expect: holds}", true},
		{"multi-leader", "--conflicts crdt", "{model: eventual, expect: holds}", true},
		{"sharded", "", "{model: strict-serializable, expect: holds}", true},
		{"sharded", "--transactions best-effort", "is said and has no consequence", true},
	} {
		t.Run(c.mode+" "+c.flags, func(t *testing.T) {
			t.Parallel()
			s := startStoreAs(t, "--mode "+c.mode+" "+c.flags, http.DefaultClient, "http")
			file := filepath.Join(s.dir, "own.yaml")
			lapse(t, nil, "init", file, "--target", "quorumkv", "--at", s.at()).expect(t, 0, "lapse doctor --target quorumkv --at "+s.at())
			text, err := os.ReadFile(file)
			must(t, err)
			if mode := []byte(`mode: "` + c.mode + `"`); !bytes.Contains(text, mode) || !bytes.Contains(text, []byte(c.says)) || bytes.Contains(text, []byte("expect: violated")) != c.control {
				t.Fatalf("want mode %s, %s, and a control: %v\n%s", c.mode, c.says, c.control, text)
			}
			text = regexp.MustCompile(`(?m)^#  `).ReplaceAll(text, []byte("  "))
			text = bytes.Replace(text, []byte("{kind: "), []byte("{operator: "+s.operator+", kind: "), 1)
			// As it is written it runs for longer: where three seconds have too little for a verdict.
			short := bytes.Replace(text, []byte("duration: 10s"), []byte("duration: 3s"), 1)
			var r result
			for _, text := range [][]byte{short, text} {
				must(t, os.WriteFile(file, text, 0o600))
				if r = lapse(t, nil, "run", file, "--progress", "plain"); r.code != 2 {
					break
				}
				t.Logf("exit 2\n%s", r.stdout)
			}
			if control := regexp.MustCompile(`expected violated +✗ violated`).MatchString(r.stdout); r.code != 0 || control != c.control {
				t.Errorf("exit %d, control seen: %v\n%s\n%s%s", r.code, control, text, r.stdout, r.stderr)
			}
		})
	}
}
