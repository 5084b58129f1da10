package leaderless

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/coordinator"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// alone is n1 of two nodes, of which the other is never there, over a disk that outlives it.
func alone(fs vfs.FS) (engine.Node, Options) {
	return engine.Node{Name: "n1", DataDir: "data", Peers: map[string]string{"n2": "127.0.0.1:1"}, RequestTimeout: time.Second, PeerTimeout: time.Second,
			MaxRequests: 8, Fsync: true, Clock: hlc.NewClock(nil, time.Second), Defects: &defect.Set{}, FS: fs, Logger: slog.New(slog.DiscardHandler)},
		Options{Replication: 1, Partitioner: placement.Ring, VirtualNodes: 8, ReadRepair: coordinator.RepairBlocking, Timestamps: coordinator.FromQuorum,
			HintedHandoff: true, MaxHints: 100}
}

// opened calls f on the node, and ends it.
func opened(t *testing.T, fs vfs.FS, change func(*Options), f func(*Engine)) error {
	t.Helper()
	node, o := alone(fs)
	if change != nil {
		change(&o)
	}
	e, err := Open(node, o)
	if err != nil {
		return err
	}
	if f != nil {
		f(e)
	}
	return e.Close()
}

func keep(t *testing.T, s membership.State) func(*Engine) {
	return func(e *Engine) {
		if _, err := e.members.Install(s); err != nil {
			t.Fatal(err)
		}
	}
}

// Settings that do not go with a change of the members are refused while one goes on, and tombstone_grace ever after; pairs differ in one thing.
func TestSettingsThatDoNotGoWithAChange(t *testing.T) {
	first := membership.First([]string{"n1", "n2"})
	moving := first.Begin([]string{"n1"})
	sloppy, grace := func(o *Options) { o.Sloppy = true }, func(o *Options) { o.Grace = time.Hour }
	for _, tc := range []struct {
		what  string
		state membership.State
		given func(*Options)
		want  string // in the refusal; empty where there is none
	}{
		{"sloppy, stable", first, sloppy, ""},
		{"neither, moving", moving, nil, ""},
		{"sloppy, moving", moving, sloppy, "sloppy_quorum"},
		{"sloppy, switching", moving.Advance(), sloppy, "sloppy_quorum"},
		{"sloppy, changed", moving.Advance().Advance(), sloppy, ""},
		{"grace, stable", first, grace, ""},
		{"grace, moving", moving, grace, "tombstone_grace"},
		{"grace, changed", moving.Advance().Advance(), grace, "tombstone_grace"},
		{"grace, canceled", moving.Cancel(), grace, "tombstone_grace"},
	} {
		fs := vfs.NewMem()
		if err := opened(t, fs, nil, keep(t, tc.state)); err != nil {
			t.Fatal(err)
		}
		err := opened(t, fs, tc.given, nil)
		var wrong *engine.SettingError
		if tc.want == "" && err != nil || tc.want != "" && (!errors.As(err, &wrong) || !strings.Contains(wrong.Reason, tc.want)) {
			t.Errorf("%s: %v", tc.what, err)
		}
		if err := opened(t, fs, nil, nil); err != nil {
			t.Errorf("%s, and then without it: %v", tc.what, err)
		}
	}
}

// A node that stood in for others keeps the members from changing until it has delivered what it took, whatever it is told at its next start.
func TestMembersStayWhileSomethingStandsIn(t *testing.T) {
	fs := vfs.NewMem()
	version := record.Version{Time: 1, Node: "n1"}
	allowed := func(want string) func(*Engine) {
		return func(e *Engine) {
			err := e.mayChange()
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("members may change, or not: %v, want %q", err, want)
			}
		}
	}
	hint := func(e *Engine) {
		if err := e.store.PutHint("n2", "k", record.Record{Version: version, Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		given func(*Options)
		do    func(*Engine)
	}{
		{nil, func(e *Engine) { hint(e); allowed("")(e) }}, // of a replica, which others have too
		{func(o *Options) { o.Sloppy = true }, allowed("sloppy_quorum")},
		{nil, allowed("1 hints for n2")},
		{nil, func(e *Engine) {
			if err := e.store.DeleteHint("n2", storage.Hint{Key: "k", Record: record.Record{Version: version, Value: []byte("v")}}); err != nil {
				t.Fatal(err)
			}
			allowed("")(e)
			hint(e)
			allowed("")(e)
		}},
	} {
		if err := opened(t, fs, step.given, step.do); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// A node with data that is told to join is refused, and has its data when it is not.
func TestJoinWithData(t *testing.T) {
	fs := vfs.NewMem()
	join := func(o *Options) { o.Join = true }
	if err := opened(t, fs, nil, nil); err != nil { // killed before it took anything, say
		t.Fatal(err)
	}
	if err := opened(t, fs, func(o *Options) { o.Members = nil }, func(e *Engine) {
		if _, err := e.store.Apply("k", record.Record{Version: record.Version{Time: 1, Node: "n1"}, Value: []byte("v")}, storage.Newest); err != nil {
			t.Fatal(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	var wrong *engine.SettingError
	if err := opened(t, fs, join, nil); !errors.As(err, &wrong) || !strings.Contains(wrong.Reason, "join") {
		t.Errorf("with data: %v", err)
	}
	if err := opened(t, fs, nil, func(e *Engine) {
		if r, err := e.Local("k"); err != nil || string(r.Value) != "v" {
			t.Errorf("after it: %+v, %v", r, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := opened(t, vfs.NewMem(), join, nil); err != nil {
		t.Errorf("without data: %v", err)
	}
}
