package sharded

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
)

// A start that was killed before all shards were opened has lost none, whichever are there; one that had opened all has, whichever is missing.
func TestWhichShardsAreMissing(t *testing.T) {
	options := Options{Shards: 3, Transactions: TwoPhaseCommit, ElectionTimeout: time.Second, LogEntries: 100, MaxValueBytes: 100}
	for _, there := range [][]int{{}, {2}, {2, 1}, {2, 1, 0}} {
		for _, whole := range []bool{false, true} {
			node := engine.Node{Name: "n1", DataDir: t.TempDir(), RequestTimeout: time.Second, PeerTimeout: time.Second, MaxRequests: 8, Fsync: true,
				Clock: hlc.NewClock(nil, time.Second), Defects: &defect.Set{}, Logger: slog.New(slog.DiscardHandler)}
			e := &Engine{node: node, opts: options}
			for _, i := range there {
				n, o := e.place(i)
				g, err := consensus.Open(n, o)
				if err == nil && whole {
					err = g.MarkWhole()
				}
				if err == nil {
					err = g.Close()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			lost := ""
			if whole && len(there) > 0 && len(there) < options.Shards {
				lost = "has lost shard-1"
			}
			opened, err := Open(node, options)
			if err == nil {
				err = opened.Close()
			}
			if what := fmt.Sprintf("there are %v, whole %t", there, whole); lost == "" && err != nil || lost != "" && (err == nil || !strings.Contains(err.Error(), lost)) {
				t.Errorf("%s: %v, want %q", what, err, lost)
			}
		}
	}
}
