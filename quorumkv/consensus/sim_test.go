package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// room is for how many messages there is between all nodes; links too lose what is too much.
const room = 300

var errFull = errors.New("the link is full")

// sim is a group whose network and disks are in memory, and which moves when it is told to: one message or tick at a time.
type sim struct {
	t       testing.TB
	r       *rand.Rand
	peers   map[string]string
	members []string
	entries int
	nodes   map[string]*simNode
	wire    []frame
	sent    int                     // messages, to kill at one of them
	leaders map[uint64]string       // by term
	acked   map[string]string       // by key
	asked   map[*proposal][2]string // key and value
	latest  uint64                  // position of a write that was acknowledged, and of no later one
	each    func()                  // before each step; may be nil
	cut     map[[2]string]bool      // links on which nothing arrives
	slow    bool                    // messages are late, and come in any order
}

type frame struct {
	from, to string
	body     []byte
}

type simNode struct {
	fs   *vfs.MemFS
	e    *Engine
	l    *loop
	join bool

	syncs   int                // it is killed before the one of its log that comes as this; 0 for never
	left    *vfs.MemFS         // what that kill leaves
	pending map[*proposal]bool // what was proposed here
}

func newSim(t testing.TB, seed uint64, entries int, members ...string) *sim {
	s := &sim{t: t, r: rand.New(rand.NewPCG(seed, 1)), entries: entries, members: members, peers: map[string]string{}, nodes: map[string]*simNode{},
		leaders: map[uint64]string{}, cut: map[[2]string]bool{}, acked: map[string]string{}, asked: map[*proposal][2]string{}}
	for _, n := range []string{"n1", "n2", "n3", "n4", "n5"}[:max(4, len(members))] {
		s.peers[n] = "127.0.0.1:1"
	}
	for n := range s.peers {
		s.nodes[n] = &simNode{fs: vfs.NewCrashableMem()}
		s.start(n)
	}
	t.Cleanup(func() {
		for n := range s.nodes {
			s.stop(n)
		}
	})
	return s
}

func (s *sim) start(name string) {
	s.t.Helper()
	n := s.nodes[name]
	e, l, err := assemble(engine.Node{Name: name, DataDir: "data", Peers: s.peers, RequestTimeout: time.Second, PeerTimeout: time.Second, MaxRequests: 1,
		Fsync: true, Clock: hlc.NewClock(nil, 0), Defects: &defect.Set{}, FS: syncing{n.fs, func() { s.beforeSync(n) }}, Logger: slog.New(slog.DiscardHandler)},
		// No time passes that anything waits for: ticks are what counts.
		Options{ElectionTimeout: time.Microsecond, LogEntries: s.entries, Members: s.members, Join: n.join})
	if err != nil {
		s.t.Fatal(err)
	}
	e.deliver = func(to string, b []byte) error {
		if len(s.wire) >= room || n.left != nil {
			return errFull
		}
		s.wire = append(s.wire, frame{name, to, bytes.Clone(b)})
		s.sent++
		return nil
	}
	e.snapshotOf = func(from string, generation uint64) (staged, error) {
		if s.nodes[from].e == nil {
			return staged{}, errors.New("it is down")
		}
		var b bytes.Buffer
		if err := writeSnapshot(s.nodes[from].e.db, &b, false); err != nil {
			return staged{}, err
		}
		return readSnapshot(e.db, generation, &b)
	}
	n.e, n.l = e, l
}

func (s *sim) stop(name string) {
	n := s.nodes[name]
	if n.e == nil {
		return
	}
	if err := n.e.Close(); err != nil {
		s.t.Error(err)
	}
	n.e, n.l = nil, nil
}

// crash is kill -9 with a loss of what was not synced.
func (s *sim) crash(name string) {
	n := s.nodes[name]
	after := n.fs.CrashClone(vfs.CrashCloneCfg{})
	s.stop(name)
	n.fs = after
}

func (s *sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// turn moves one node, by a message or, with none, by a tick.
func (s *sim) turn(name string, f *frame) {
	s.t.Helper()
	n := s.nodes[name]
	if n.e == nil {
		return
	}
	if f == nil {
		s.must(n.l.ticked())
		for id := range n.l.sending { // patience with a follower that fetches a snapshot is time, which does not pass
			if s.r.IntN(10) == 0 {
				n.l.snapshotServed(id)
			}
		}
	} else {
		n.e.receive(f.from, f.body)
		s.must(n.l.drain())
	}
	s.must(n.l.settle())
	if n.l.fetches {
		n.l.fetchEnded(<-n.l.fetched)
		s.must(n.l.settle())
	}
	if b := n.l.raw.BasicStatus(); b.RaftState == raft.StateLeader {
		if other, ok := s.leaders[b.GetTerm()]; ok && other != name {
			s.t.Fatalf("term %d has the leaders %s and %s", b.GetTerm(), other, name)
		}
		s.leaders[b.GetTerm()] = name
	}
	if n.left != nil { // it did nothing of all that
		s.died(name)
	}
	s.collect()
}

// collect takes note of the answers that there are.
func (s *sim) collect() {
	for p, kv := range s.asked {
		select {
		case out := <-p.result:
			if out.failure() == nil {
				s.acked[kv[0]], s.latest = kv[1], max(s.latest, out.Index)
			}
			delete(s.asked, p)
		default:
		}
	}
}

// step delivers a message, or loses it, or lets a node's clock tick.
func (s *sim) step(loss float64) {
	if len(s.wire) == 0 || s.r.IntN(20) == 0 {
		names := slices.Sorted(maps.Keys(s.nodes))
		s.turn(names[s.r.IntN(len(names))], nil)
		return
	}
	i := 0
	if s.r.IntN(10) == 0 {
		i = s.r.IntN(len(s.wire))
	}
	if s.slow {
		i = s.r.IntN(len(s.wire))
	}
	f := s.wire[i]
	s.wire = slices.Delete(s.wire, i, i+1)
	if s.r.Float64() >= loss && !s.cut[[2]string{f.from, f.to}] {
		s.turn(f.to, &f)
	}
}

// round has each node's clock tick once, and delivers all.
func (s *sim) round() {
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		s.turn(name, nil)
	}
	for len(s.wire) > 0 {
		f := s.wire[0]
		s.wire = s.wire[1:]
		s.turn(f.to, &f)
	}
}

// until steps until ok.
func (s *sim) until(what string, ok func() bool) {
	s.t.Helper()
	for range 200_000 {
		if s.each != nil {
			s.each()
		}
		if ok() {
			return
		}
		s.step(0.02)
	}
	for name, n := range s.nodes {
		if n.e != nil {
			s.t.Logf("%s is %+v, %+v", name, n.e.status.Load(), n.l.raw.BasicStatus())
		}
	}
	s.t.Fatalf("%s: not after 200000 steps", what)
}

// led says that there is a leader, and that all first members count.
func (s *sim) led() bool {
	for _, name := range s.members {
		if e := s.nodes[name].e; e == nil || !e.confirmed.Load() {
			return false
		}
	}
	_, n := s.leader()
	return n != nil
}

func (s *sim) leader() (string, *simNode) {
	newest, out := uint64(0), ""
	for name, n := range s.nodes {
		if n.e != nil && n.e.status.Load().Leading && n.e.status.Load().Term >= newest {
			newest, out = n.e.status.Load().Term, name
		}
	}
	if out == "" {
		return "", nil
	}
	return out, s.nodes[out]
}

// put has a write proposed at a node, and what becomes of it looked after.
func (s *sim) put(name, key, value string) {
	n := s.nodes[name]
	if n.e == nil || !n.e.counts() {
		return
	}
	p := &proposal{id: n.e.requestName(), result: make(chan outcome, 1)}
	p.command = command{ID: p.id, Base: n.e.status.Load().Applied, Node: name, Key: key, Value: []byte(value)}.marshal()
	s.asked[p] = [2]string{key, value}
	if n.pending == nil {
		n.pending = map[*proposal]bool{}
	}
	n.pending[p] = true
	n.l.propose(p)
	s.must(n.l.settle())
	if n.left != nil {
		s.died(name)
	}
	s.collect()
}

// change goes on until the members are as wanted: it proposes what plan would, at whoever leads.
func (s *sim) change(want func(m members) bool, singles func(m members) []*raftpb.ConfChangeSingle) {
	s.t.Helper()
	turns := 0
	s.until("the members change", func() bool {
		_, n := s.leader()
		if n == nil {
			return false
		}
		m := n.e.status.Load().Members
		if want(m) && !m.joint() && len(m.Learners) == 0 {
			return true
		}
		if turns++; turns%50 == 1 && !m.joint() && len(m.Learners) == 0 {
			if next := singles(m); next != nil {
				n.l.change(&change{steps(m.Epoch, next...)})
				s.must(n.l.settle())
			}
		}
		if turns%60 == 0 {
			s.put("n2", fmt.Sprint("k", turns), fmt.Sprint("v", turns))
		}
		return false
	})
}

// place is that of n1, n2, ...
func (s *sim) place(name string) uint64 { return uint64(name[1] - '0') }

func (s *sim) add(name string) {
	s.t.Helper()
	s.change(func(m members) bool { return s.nodes[name].e != nil && m.votes(s.nodes[name].e.self.ID) },
		func(members) []*raftpb.ConfChangeSingle {
			if s.nodes[name].e == nil { // plan asks it
				return nil
			}
			return []*raftpb.ConfChangeSingle{single(raftpb.ConfChangeAddLearnerNode, s.nodes[name].e.self.ID)}
		})
}

func (s *sim) remove(name string) {
	s.t.Helper()
	s.change(func(m members) bool { return m.voterAt(s.place(name)) == 0 }, func(m members) []*raftpb.ConfChangeSingle {
		return []*raftpb.ConfChangeSingle{single(raftpb.ConfChangeRemoveNode, m.voterAt(s.place(name)))}
	})
}

// agree steps until these nodes, and no others, are voters in the eyes of each of them, and have all that was acknowledged.
func (s *sim) agree(names ...string) {
	s.t.Helper()
	s.until(fmt.Sprint("all agree that the members are ", names), func() bool {
		for _, name := range names {
			n := s.nodes[name]
			if n.e == nil || !slices.Equal(n.e.view().Members, names) || n.e.view().Phase != "stable" {
				return false
			}
			for k, v := range s.acked {
				if r, err := n.e.Local(k); err != nil || string(r.Value) != v {
					return false
				}
			}
		}
		return true
	})
}

// TestMembersChangeWithAKillAtEachMessage: a node joins and the leader leaves, and at one message after the other one of the nodes is killed and
// started again later. No term has two leaders, and what was acknowledged is on all that are members in the end.
func TestMembersChangeWithAKillAtEachMessage(t *testing.T) {
	at, stride, runs, kills := 1, 1, 0, 0
	if testing.Short() {
		stride = 7
	}
	for ; at < 160; at += stride {
		for _, victim := range []string{"n1", "n2", "n4"} {
			if (at+len(victim)+int(victim[1]))%3 != 0 { // each message has one victim, each victim a third of the messages
				continue
			}
			runs++
			s := newSim(t, uint64(at), 5, "n1", "n2", "n3")
			s.until("there is a leader", s.led)
			for i := range 30 {
				s.put("n1", fmt.Sprint("first", i), "x")
				s.step(0)
			}
			// Else the first victim may take all that was asked for with it.
			s.until("a write is acknowledged", func() bool { return len(s.acked) > 0 })
			begin, down := s.sent, false
			kill := func() {
				switch {
				case !down && s.sent >= begin+at && s.nodes[victim].e != nil:
					s.crash(victim)
					down = true
					kills++
				case down && s.nodes[victim].e == nil && s.sent > begin+at+40:
					s.start(victim)
				}
			}
			s.each = kill
			s.add("n4")
			leader, _ := s.leader()
			if leader == "n4" || leader == "n2" {
				leader = "n1"
			}
			s.remove(leader)
			s.each = nil
			if s.nodes[victim].e == nil {
				s.start(victim)
			}
			left := slices.DeleteFunc([]string{"n1", "n2", "n3", "n4"}, func(n string) bool { return n == leader })
			s.agree(left...)
			if len(s.acked) == 0 {
				t.Fatal("nothing was acknowledged")
			}
			for n := range s.nodes {
				s.stop(n)
			}
		}
	}
	t.Logf("%d runs, %d kills", runs, kills)
	if kills < runs*3/4 {
		t.Error("most changes were over before the kill")
	}
}

// TestAMemberThatLostItsDirectory: it does not vote or acknowledge under the name by which others know it, says so also after a restart, and is a member again, as
// another, when it joins: in place of the one that it was, in one step.
func TestAMemberThatLostItsDirectory(t *testing.T) {
	s := newSim(t, 1, 5, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	for i := range 30 {
		s.put("n1", fmt.Sprint("first", i), "x")
	}
	s.agree("n1", "n2", "n3")
	old := s.nodes["n3"].e.self.ID
	s.stop("n3")
	s.nodes["n3"].fs = vfs.NewCrashableMem()
	s.start("n3")
	s.until("n3 hears that its directory is lost", func() bool { return s.nodes["n3"].e.lost() != "" })
	if n := s.nodes["n3"].e; n.counts() || n.status.Load().Applied != 0 || n.introduce().Why == "" {
		t.Errorf("it counts: %t, has applied %d, says %+v of itself", n.counts(), n.status.Load().Applied, n.introduce())
	}
	s.crash("n3")
	s.start("n3")
	if s.nodes["n3"].e.lost() == "" {
		t.Error("it has forgotten that its directory is lost")
	}
	s.put("n1", "while", "away")
	s.until("two go on", func() bool { return s.acked["while"] != "" })

	s.stop("n3")
	s.nodes["n3"] = &simNode{fs: vfs.NewCrashableMem(), join: true}
	s.start("n3")
	id := s.nodes["n3"].e.self.ID
	if id == old || place(id) != place(old) {
		t.Fatalf("n3 is %x and was %x", id, old)
	}
	s.add("n3")
	s.agree("n1", "n2", "n3")
	if m := s.nodes["n1"].e.status.Load().Members; m.votes(old) || !slices.Contains(m.Removed, old) || m.Epoch < 4 {
		t.Errorf("members %+v", m)
	}
	s.crash("n3")
	s.start("n3")
	// What it had applied need not have been synced: then it hears of it once more.
	s.until("n3 counts after a restart", func() bool { return s.nodes["n3"].e.counts() })
	if now := s.nodes["n3"].e.self.ID; now != id {
		t.Errorf("after a restart it is %x and was %x", now, id)
	}
}

// TestARemovedMemberThatComesBack did not hear that it was removed. It is told, says so, and raises nobody's term.
func TestARemovedMemberThatComesBack(t *testing.T) {
	s := newSim(t, 2, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	s.put("n1", "k", "v")
	s.agree("n1", "n2", "n3")
	s.crash("n3")
	s.until("two have a leader", func() bool { name, n := s.leader(); return n != nil && name != "n3" && len(s.wire) > 0 })
	s.remove("n3")
	s.agree("n1", "n2")
	_, leading := s.leader()
	term := leading.e.status.Load().Term
	s.start("n3")
	for range 100 {
		s.round()
	}
	if s.nodes["n3"].e.lost() == "" {
		t.Error("it has not heard that it was removed")
	}
	if _, n := s.leader(); n == nil || n.e.status.Load().Term != term {
		t.Errorf("it was term %d, and is %+v", term, n)
	}
	if n := s.nodes["n3"].e; n.counts() || n.introduce().Why == "" {
		t.Errorf("it counts: %t, and says %+v", n.counts(), n.introduce())
	}
	s.crash("n3")
	s.start("n3")
	if s.nodes["n3"].e.lost() == "" {
		t.Error("it has forgotten that it was removed")
	}
}

// A node that hears in office that it was removed leads no more, for it hears nobody who would tell it so.
func TestALeaderThatHearsThatItWasRemoved(t *testing.T) {
	s := newSim(t, 5, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	_, n := s.leader()
	s.must(n.l.condemned(verdict{ID: n.e.self.ID}))
	s.must(n.l.ticked())
	s.must(n.l.settle())
	if is := n.e.status.Load(); is.Leading || is.Leader != "" || n.e.counts() {
		t.Errorf("it counts: %t, and is %+v", n.e.counts(), is)
	}
	s.until("another leads", func() bool { _, other := s.leader(); return other != nil && other != n })
}

// A node that knows that it was removed does not repeat what one says that has not applied it, and that it is a member.
func TestARemovedMemberAsksOneThatIsBehind(t *testing.T) {
	s := newSim(t, 6, 1000, "n1", "n2", "n3")
	n := s.nodes["n1"].e
	n.status.Store(&status{Members: members{Epoch: 2, Voters: []uint64{2, 3}, Removed: []uint64{1}}})
	for _, c := range []struct {
		told, want protocol.Members
	}{
		{protocol.Members{Epoch: 1, Phase: "stable", Members: []string{"n1", "n2", "n3"}}, protocol.Members{Epoch: 2, Phase: "stable", Members: []string{"n2", "n3"}}},
		{protocol.Members{Epoch: 2, Phase: "stable", Members: []string{"n2", "n3"}, Steward: "n3"}, protocol.Members{Epoch: 2, Phase: "stable", Members: []string{"n2", "n3"}, Steward: "n3"}},
		{protocol.Members{Epoch: 3, Phase: "stable", Members: []string{"n2", "n3", "n4"}}, protocol.Members{Epoch: 3, Phase: "stable", Members: []string{"n2", "n3", "n4"}}},
	} {
		got := n.newest(c.told)
		if got.Epoch != c.want.Epoch || got.Phase != c.want.Phase || got.Steward != c.want.Steward || !slices.Equal(got.Members, c.want.Members) {
			t.Errorf("told %+v it says %+v, want %+v", c.told, got, c.want)
		}
	}
}

// A step that was made for members that are others by now does nothing, however late a copy comes.
func TestALateCopyOfAChange(t *testing.T) {
	s := newSim(t, 3, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	id := s.nodes["n4"].e.self.ID
	late := &change{steps(1, single(raftpb.ConfChangeAddLearnerNode, id))}
	s.add("n4")
	s.remove("n4")
	before := uint64(0)
	s.until("a copy is in the log", func() bool {
		_, n := s.leader()
		if n == nil {
			return false
		}
		if before == 0 {
			before = n.e.status.Load().Applied
			n.l.change(late)
			s.must(n.l.settle())
		}
		return n.e.status.Load().Applied > before
	})
	s.agree("n1", "n2", "n3")
	for _, n := range s.nodes {
		if m := n.e.status.Load().Members; m.has(id) && n != s.nodes["n4"] {
			t.Errorf("members %+v", m)
		}
	}
}

// A node that is being added and is away counts for nothing: it is said what is waited for, nothing else may change, and the change may be given up.
func TestAnAdditionIsGivenUp(t *testing.T) {
	s := newSim(t, 4, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	id := s.nodes["n4"].e.self.ID
	s.stop("n4")
	propose := func(epoch uint64, singles ...*raftpb.ConfChangeSingle) {
		if _, n := s.leader(); n != nil && n.e.status.Load().Members.Epoch == epoch {
			n.l.change(&change{steps(epoch, singles...)})
			s.must(n.l.settle())
		}
	}
	turns := 0
	s.until("n4 is waited for", func() bool {
		if turns++; turns%50 == 1 {
			propose(1, single(raftpb.ConfChangeAddLearnerNode, id))
		}
		_, n := s.leader()
		return n != nil && n.e.view().Waiting == "n4 does not answer"
	})
	_, n := s.leader()
	if v := n.e.view(); v.Phase != "moving" || !slices.Equal(v.Members, []string{"n1", "n2", "n3"}) || !slices.Equal(v.Next, []string{"n1", "n2", "n3", "n4"}) {
		t.Errorf("members %+v", v)
	}
	now := n.e.status.Load().Members
	if _, err := n.e.plan(t.Context(), now, protocol.MemberChange{Remove: "n2"}); err == nil || !strings.Contains(err.Error(), "a change is going on") {
		t.Errorf("a second change: %v", err)
	}
	back, err := n.e.plan(t.Context(), now, protocol.MemberChange{Cancel: true})
	if err != nil {
		t.Fatal(err)
	}
	turns = 0
	s.until("n4 is not waited for any more", func() bool {
		if turns++; turns%50 == 1 {
			propose(2, back...)
		}
		_, n := s.leader()
		return n != nil && len(n.e.status.Load().Members.Learners) == 0
	})
	s.agree("n1", "n2", "n3")
	_, n = s.leader()
	now = n.e.status.Load().Members
	if now.Epoch != 3 || len(now.Removed) > 0 {
		t.Errorf("members %+v", now)
	}
	// No link is up in a sim: two that are left would need each other.
	victim := "n1"
	if n == s.nodes["n1"] {
		victim = "n2"
	}
	if _, err := n.e.plan(t.Context(), now, protocol.MemberChange{Remove: victim}); err == nil || !strings.Contains(err.Error(), "the group would need 2 members") {
		t.Errorf("a removal after which the others have no majority: %v", err)
	}
	// It never had a vote, and is added as it is.
	s.start("n4")
	s.add("n4")
	s.agree("n1", "n2", "n3", "n4")
	if now := s.nodes["n4"].e.status.Load().Members; s.nodes["n4"].e.self.ID != id || !now.votes(id) {
		t.Errorf("n4 is %d, was %d, and the members are %+v", s.nodes["n4"].e.self.ID, id, now)
	}
}

// Who had a vote never comes back; who was given up before it had one may. Pairs differ in that.
func TestWhoIsRemovedForGood(t *testing.T) {
	m := members{Epoch: 4, Voters: []uint64{1, 2}, Learners: []uint64{3}}
	if next := m.after(&raftpb.ConfState{Voters: []uint64{1, 2}}); next.Epoch != 5 || len(next.Removed) > 0 {
		t.Errorf("a learner that is given up: %+v", next)
	}
	m = members{Epoch: 4, Voters: []uint64{1, 2, 3}}
	if next := m.after(&raftpb.ConfState{Voters: []uint64{1, 2}}); !slices.Equal(next.Removed, []uint64{3}) {
		t.Errorf("a voter that is removed: %+v", next)
	}
	m = members{Epoch: 4, Voters: []uint64{1, 2, 5}, Outgoing: []uint64{1, 2, 3}}
	if next := m.after(&raftpb.ConfState{Voters: []uint64{1, 2, 5}}); !slices.Equal(next.Removed, []uint64{3}) {
		t.Errorf("a voter that was exchanged: %+v", next)
	}
}

// A leader that has removed itself is not named as who carries out the next change.
func TestTheStewardIsAMember(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	n := s.nodes["n1"].e
	for leader, want := range map[string]string{"n1": "", "n2": "n2"} {
		n.status.Store(&status{Leader: leader, Members: members{Epoch: 2, Voters: []uint64{n.places["n2"], n.places["n3"]}, Removed: []uint64{n.places["n1"]}}})
		if v := n.view(); v.Steward != want {
			t.Errorf("led by %s it names %q, want %q", leader, v.Steward, want)
		}
	}
}
