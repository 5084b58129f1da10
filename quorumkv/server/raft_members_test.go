package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// raftMembers waits until all these processes say that these are the members.
func raftMembers(t *testing.T, ps []*process, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprint("the members are ", want), func() bool {
		for _, p := range ps {
			m, err := p.client.Members(t.Context())
			if err != nil || m.Phase != "stable" || !slices.Equal(m.Members, want) {
				return false
			}
		}
		return true
	})
}

func raftPut(t *testing.T, c *client.Client, key, value string) {
	t.Helper()
	eventually(t, "a write is acknowledged", func() bool {
		_, err := c.Put(t.Context(), key, []byte(value), "")
		return err == nil
	})
}

func raftGet(t *testing.T, c *client.Client, key, want string) {
	t.Helper()
	eventually(t, key+" is "+want, func() bool {
		v, err := c.Get(t.Context(), key, "read-index", "")
		return err == nil && text(v) == want
	})
}

// A node that is none has members answer its clients. It joins by a snapshot while each node is killed in turn; the leader leaves, and is started again: it
// holds nothing that counts, says so, and joins as a new one with an empty directory.
func TestRaftMembersChange(t *testing.T) {
	ps := startProcesses(t, 4, "--mode", "raft", "--members", "n1,n2,n3", "--log-entries", "10", "--request-timeout", "5s")
	for i := range 60 {
		raftPut(t, ps[i%4].client, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	raftGet(t, ps[3].client, "k59", "v59")
	if v, err := ps[3].client.Replica(within(t), "k59"); err != nil || v != nil {
		t.Errorf("a node that is no member has %+v, %v", v, err)
	}
	out := mustChange(t, ps[3].addr, "status")
	if !strings.Contains(out, "the members are n1 n2 n3;") {
		t.Errorf("said %s", out)
	}

	if _, err := ps[0].client.ChangeMembers(within(t), protocol.MemberChange{Add: "n4"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		p.kill(t)
		p.start(t)
		p.ready(t)
	}
	raftMembers(t, ps, "n1", "n2", "n3", "n4")
	if v, err := ps[3].client.Replica(within(t), "k59"); err != nil || text(v) != "v59" {
		t.Errorf("the new member has %+v, %v", v, err)
	}

	var leader int
	eventually(t, "there is a leader", func() bool {
		h, err := ps[3].client.Health(t.Context())
		leader = slices.IndexFunc(ps, func(p *process) bool { return p.name == h.Leader })
		return err == nil && leader >= 0
	})
	gone, other := ps[leader], ps[(leader+1)%4]
	mustChange(t, other.addr, "remove", gone.name)
	rest := slices.DeleteFunc(slices.Clone(ps), func(p *process) bool { return p == gone })
	var names []string
	for _, p := range rest {
		names = append(names, p.name)
	}
	raftMembers(t, rest, names...)
	raftPut(t, other.client, "k0", "after")
	gone.kill(t)
	gone.start(t)
	gone.ready(t)
	raftGet(t, gone.client, "k0", "after")
	out = mustChange(t, gone.addr, "status")
	if !strings.Contains(out, gone.name+" was removed from the group") || !strings.Contains(out, "--join") {
		t.Errorf("said %s", out)
	}
	if out, err := members(t, other.addr, "add", gone.name); err == nil || !strings.Contains(err.Error(), "was removed from the group") {
		t.Errorf("it is added with its old directory: %v, %s", err, out)
	}

	gone.kill(t)
	i := slices.Index(gone.args, "--data-dir")
	gone.args[i+1] = filepath.Join(t.TempDir(), "again")
	gone.args = append(gone.args, "--join")
	gone.start(t)
	gone.ready(t)
	other.ready(t) // its link to the node that is back may be another moment away
	mustChange(t, other.addr, "add", gone.name)
	raftMembers(t, ps, "n1", "n2", "n3", "n4")
	for i := 1; i < 60; i++ {
		raftGet(t, gone.client, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
}

// What cannot be is refused in words, and changes nothing.
func TestRaftMembersRefusals(t *testing.T) {
	c := startCluster(t, 4, true, func(c *Config) { raftMode(c); c.Members = []string{"n1", "n2", "n3"} })
	c.leader(t, "n1", "n2", "n3")
	refused := func(want string, change protocol.MemberChange) {
		t.Helper()
		var e *client.Error
		if _, err := c.clients["n1"].ChangeMembers(within(t), change); !errors.As(err, &e) || e.Code != string(engine.CodeMembers) || !strings.Contains(e.Message, want) {
			t.Errorf("%+v: %v, want %q", change, err, want)
		}
	}
	refused("n2 is a member already", protocol.MemberChange{Add: "n2"})
	refused(`no node "n9"`, protocol.MemberChange{Add: "n9"})
	refused("n4 is no member", protocol.MemberChange{Remove: "n4"})
	refused("n9 is no member", protocol.MemberChange{Remove: "n9"})
	refused("no change is going on", protocol.MemberChange{Cancel: true})
	m, err := c.clients["n1"].Members(within(t))
	if err != nil || m.Epoch != 1 || !slices.Equal(m.Members, []string{"n1", "n2", "n3"}) {
		t.Errorf("%+v, %v", m, err)
	}
	for want, change := range map[string]func(*Config){
		`members: no node "n9"`:      func(c *Config) { c.Members = []string{"n9"} },
		"members: n1 is named twice": func(c *Config) { c.Members = []string{"n1", "n1"} },
	} {
		cfg := valid()
		cfg.Mode = "raft"
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// Mode sharded says that its members do not change.
func TestShardedMembersAreFixed(t *testing.T) {
	c := startCluster(t, 3, false, func(c *Config) { c.Mode = "sharded" })
	var e *client.Error
	if _, err := c.clients["n1"].ChangeMembers(within(t), protocol.MemberChange{Remove: "n2"}); !errors.As(err, &e) || e.Code != string(engine.CodeMembers) ||
		!strings.Contains(e.Message, "in mode sharded they are fixed") {
		t.Errorf("%v", err)
	}
}

// A first member that comes back with an empty directory, and does not say so, is silent while those are away that knew it, and together with one of them elects nobody:
// what was acknowledged is there when the third is back.
func TestRaftWipedFirstMember(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "raft", "--request-timeout", "2s")
	for i := range 20 {
		raftPut(t, ps[i%3].client, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	wiped := ps[1]
	for _, p := range ps {
		p.kill(t)
	}
	i := slices.Index(wiped.args, "--data-dir")
	wiped.args[i+1] = filepath.Join(t.TempDir(), "again")
	wiped.start(t)
	says := func(want string) {
		t.Helper()
		eventually(t, "it says "+want, func() bool {
			m, err := wiped.client.Members(t.Context())
			return err == nil && strings.Contains(m.Lost, want)
		})
	}
	says("n2 has a new directory, which 0 of the 2 other first members know")
	if _, err := wiped.client.Put(within(t), "k0", []byte("lost"), ""); err == nil {
		t.Error("it acknowledges a write alone")
	}
	ps[2].start(t)
	says("n2 has lost the directory with which it was a member")
	if _, err := ps[2].client.Put(within(t), "k0", []byte("lost"), ""); err == nil {
		t.Error("with the wiped one n3 acknowledges a write")
	}
	ps[0].start(t)
	for i := 1; i < 20; i++ {
		raftGet(t, ps[2].client, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	raftPut(t, wiped.client, "k0", "by others") // they answer its clients
	raftGet(t, ps[0].client, "k0", "by others")
}
