package quorumkv

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/targettest"
)

// A member that a change takes out is none to rely on, and one that it takes in is none yet.
func TestMembersWhileTheyChange(t *testing.T) {
	all, less := []string{"n1", "n2", "n3"}, []string{"n1", "n3"}
	for _, tc := range []struct {
		is   protocol.Members
		want []string
	}{
		{protocol.Members{Phase: "stable", Members: all}, all},
		{protocol.Members{Phase: "moving", Members: all, Next: less}, less},
		{protocol.Members{Phase: "switching", Members: less, Next: all}, less},
	} {
		if got := staying(tc.is); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.is, got, tc.want)
		}
	}
}

// What moved when nodes joined is the average of the shares of all replicas, and nothing where no node told of any.
func TestWhatMovedWhenNodesJoined(t *testing.T) {
	s := &memberedSystem{System: &System{}}
	if got := s.Measures(t.Context()); got != nil {
		t.Errorf("without a join: %v", got)
	}
	members := []string{"n1", "n2", "n3", "n4"}
	s.joins.note("n4", protocol.Members{Members: members, Replication: 2}) // the node that knew was restarted
	s.joins.note("n4", protocol.Members{Members: members, Replication: 2, Moves: map[string]protocol.Move{"n4": {Keys: 100, Taken: 50}}})
	s.joins.note("n3", protocol.Members{Members: members, Replication: 2, Moves: map[string]protocol.Move{"n1": {Keys: 100, Taken: 40}, "n3": {Keys: 100, Taken: 60}}})
	got := s.Measures(t.Context())
	if len(got) != 1 || got[0].Name != history.MeasureMoved || got[0].Value != 0.375 {
		t.Errorf("%+v", got)
	}
}

// Which nodes hold keys can be said; replicas are counted among those, and then nobody is taken out of them.
func TestMembersSetting(t *testing.T) {
	for _, c := range []struct {
		nodes        int
		options      map[string]string
		replication  string
		args         []string
		change       bool
		wrong, level string
	}{
		{nodes: 4, options: map[string]string{}, replication: "3", change: true},
		{nodes: 4, options: map[string]string{"members": "n1+n2+n3"}, replication: "3", args: []string{"--members", "n1,n2,n3"}},
		{nodes: 4, options: map[string]string{"members": "n4+n2"}, replication: "2", args: []string{"--members", "n4,n2"}},
		{nodes: 4, options: map[string]string{"members": "n1+n2+n3+n4"}, replication: "3", args: []string{"--members", "n1,n2,n3,n4"}, change: true},
		{nodes: 4, options: map[string]string{"members": "n1+n5"}, wrong: `no node "n5"`},
		{nodes: 4, options: map[string]string{"members": "n1+n1"}, wrong: "n1 is named twice"},
		{nodes: 4, options: map[string]string{"members": "+"}, wrong: `no node ""`},
		{nodes: 4, options: map[string]string{"members": "n1+n2", "replication": "3"}, wrong: "that hold keys, 2"},
		{nodes: 4, options: map[string]string{"members": "n1+n2"}, level: "3", wrong: "--write-level 3"},
		{nodes: 3, options: map[string]string{"mode": "raft"}, change: true},
		{nodes: 1, options: map[string]string{"mode": "raft"}},
		{nodes: 4, options: map[string]string{"mode": "raft", "members": "n1+n2+n3"}, args: []string{"--members", "n1,n2,n3"}},
		{nodes: 4, options: map[string]string{"mode": "raft", "members": "n1+n5"}, wrong: `no node "n5"`},
		{nodes: 4, options: map[string]string{"mode": "sharded", "members": "n1+n2+n3"}, wrong: "members"},
	} {
		mode, err := New().Describe(t.Context(), targets.Config{Options: c.options})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := mode.Resolve(targets.Config{Nodes: c.nodes, WriteLevel: c.level, Options: maps.Clone(c.options)})
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%v: %v, want %q", c.options, err, c.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.options, err)
			continue
		}
		if slices.Contains(New().Abilities(cfg), ability.Membership) != c.change {
			t.Errorf("%v: the fault is to be had: %t", c.options, !c.change)
		}
		args := (&System{cfg: cfg}).modeArgs(time.Second)
		var given []string
		if i := slices.Index(args, "--members"); i >= 0 {
			given = args[i : i+2]
		}
		if cfg.Options[optReplication] != c.replication || !slices.Equal(given, c.args) || membersChange(cfg) != c.change {
			t.Errorf("%v: %s replicas, a node gets %q, members change %t", c.options, cfg.Options[optReplication], given, membersChange(cfg))
		}
	}
}

// Who waits for another change of the members stops waiting when its own time is over.
func TestAChangeOfMembersWaitsNoLongerThanItMay(t *testing.T) {
	s := newMemberedSystem(&System{})
	done, err := s.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	if _, err := s.begin(over); !errors.Is(err, context.Canceled) {
		t.Errorf("while another goes on: %v", err)
	}
	done()
	again, err := s.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// A node that is out and killed while it is being taken in is started again, and not taken in a second time, which would wait for the first.
func TestWhoIsGone(t *testing.T) {
	var l lives
	gone := func(want bool, when string) {
		t.Helper()
		if l.isGone(0) != want {
			t.Errorf("%s: gone is %t", when, !want)
		}
	}
	gone(false, "at first")
	l.out.Put(0, true)
	gone(true, "taken out")
	l.joining.Put(1, true)
	gone(true, "another is taken in")
	l.joining.Put(0, true)
	gone(false, "it is being taken in")
	l.joining.Put(0, false)
	gone(true, "that has failed")
	l.out.Put(0, false)
	gone(false, "it is in")
}

// A removal of which nobody waited for the end leaves a node that runs with a directory that does not come back: it is taken in again with an empty one.
func TestAMemberOfRaftWhoseRemovalWasCutOffJoinsAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cfg := targets.Config{Nodes: 3, Options: map[string]string{optMode: "raft"}}
	mode, err := New().Describe(ctx, cfg)
	targettest.Must(t, err)
	_, sys, _ := targettest.Deploy(ctx, t, mode, sandbox.Provider{}, cfg, logName)
	s, ok := sys.(*raftSystem)
	if !ok {
		t.Fatalf("it is a %T, whose members do not change", sys)
	}
	_, err = s.admin["n1"].Put(ctx, "k", []byte("v"), "")
	targettest.Must(t, err)
	_, err = s.admin["n1"].ChangeMembers(ctx, protocol.MemberChange{Remove: "n3"})
	targettest.Must(t, err)
	targettest.Must(t, s.AddMember(ctx, "n3"))
	if got, err := s.Members(ctx); err != nil || !slices.Equal(got, []string{"n1", "n2", "n3"}) {
		t.Errorf("the members are %v, %v", got, err)
	}
	if v, err := s.admin["n3"].Get(ctx, "k", "", ""); err != nil || v == nil || string(v.Bytes()) != "v" {
		t.Errorf("n3 reads %+v, %v", v, err)
	}
}
