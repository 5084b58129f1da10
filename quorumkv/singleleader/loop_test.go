package singleleader

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// follower is a node n2 of three in an epoch, with these entries.
func follower(t *testing.T, promise uint64, entries ...entry) *loop {
	t.Helper()
	s := newSim(t, 1, 3, true)
	t.Cleanup(s.close)
	l := s.loops["n2"]
	for _, e := range entries {
		l.log.add(e)
	}
	must(t, l.log.flush())
	if promise > 0 {
		must(t, l.log.enter(promise))
	}
	return l
}

func keysOf(l *loop) string {
	var keys []string
	for _, e := range l.log.entries {
		keys = append(keys, e.Key)
	}
	return strings.Join(keys, " ")
}

// A follower lags, is ahead, differs, or is of a later epoch: what it answers and what it has afterwards.
func TestAppend(t *testing.T) {
	a, b, c, x := write1(1, "a", ""), write1(1, "b", ""), write1(2, "c", ""), write1(1, "x", "")
	for _, tc := range []struct {
		name    string
		has     []entry
		promise uint64
		m       message
		ok      bool
		index   uint64
		keys    string
		applied uint64
	}{
		{"empty, from the start", nil, 0, message{Epoch: 2, Entries: []entry{a, b}, Commit: 1}, true, 2, "a b", 1},
		{"it lags", []entry{a}, 1, message{Epoch: 2, Index: 2, At: 1, Entries: []entry{c}}, false, 1, "a", 0},
		{"it has all", []entry{a, b}, 1, message{Epoch: 2, Index: 2, At: 1, Entries: []entry{c}, Commit: 3}, true, 3, "a b c", 3},
		{"it is ahead", []entry{a, b, x}, 1, message{Epoch: 2, Index: 2, At: 1, Entries: []entry{c}}, true, 3, "a b c", 0},
		{"it is ahead, and hears only of the leader", []entry{a, b, x}, 1, message{Epoch: 2, Index: 2, At: 1, Commit: 3}, true, 2, "a b x", 2},
		{"it differs before", []entry{a, b, x}, 1, message{Epoch: 2, Index: 3, At: 2, Entries: []entry{c}}, false, 0, "a b x", 0},
		{"the same again", []entry{a, b, c}, 2, message{Epoch: 2, Index: 1, At: 1, Entries: []entry{b}, Commit: 2}, true, 2, "a b c", 2},
		{"a deposed leader", []entry{a}, 3, message{Epoch: 2, Index: 1, At: 1, Entries: []entry{c}, Commit: 2}, false, 0, "a", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := follower(t, tc.promise, tc.has...)
			tc.m.Kind, tc.m.from = kindAppend, "n1"
			answer := l.append(tc.m)
			if answer.OK != tc.ok || answer.Index != tc.index || keysOf(l) != tc.keys || l.applied != tc.applied {
				t.Errorf("answers %+v, has %q, %d count; want OK %t, index %d, %q, %d", answer, keysOf(l), l.applied, tc.ok, tc.index, tc.keys, tc.applied)
			}
			if answer.At != max(tc.promise, tc.m.Epoch) {
				t.Errorf("it says that it is in epoch %d", answer.At)
			}
			if got := mustJournal(t, l.log.db); !reflect.DeepEqual(got.entries, l.log.entries) {
				t.Errorf("on disk there is %+v", got.entries)
			}
		})
	}
}

// What a message that was long on its way says of how fresh a follower is: no more than at the time of the stamp of this node up to which the leader vouches for it.
func TestFreshness(t *testing.T) {
	a := write1(1, "a", "")
	for _, tc := range []struct {
		name   string
		commit uint64
		stamp  func(l *loop) uint64
		fresh  bool
	}{
		{"vouched for up to just now", 1, (*loop).stamp, true},
		{"it lacks what the leader has", 2, (*loop).stamp, false},
		{"vouched for up to an hour ago", 1, func(l *loop) uint64 { return l.stamp() - uint64(time.Hour) }, false},
		{"not vouched for", 1, func(*loop) uint64 { return 0 }, false},
		{"for an earlier life", 1, func(l *loop) uint64 { return l.stamp() + uint64(time.Hour) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := follower(t, 0)
			l.born = l.born.Add(-2 * time.Hour)
			l.append(message{Kind: kindAppend, Epoch: 1, Entries: []entry{a}, Commit: tc.commit, Echo: tc.stamp(l), from: "n1"})
			l.publish()
			if l.e.lags() == tc.fresh {
				t.Errorf("it lags: %t; caught up as of %s ago", tc.fresh, l.e.since(l.caughtUp))
			}
			was := l.caughtUp
			l.append(message{Kind: kindAppend, Epoch: 1, Index: 1, At: 1, Commit: 1, Echo: l.stamp() - uint64(2*time.Hour), from: "n1"})
			if l.caughtUp.Before(was) {
				t.Error("an older message takes back what a newer one has shown")
			}
		})
	}
}

// What a leader vouches for, and whether it reads from what it has: only what it had when a later message of it was answered by a majority, and only once what was
// acknowledged before its time counts with it. An answer of just now to a message of long ago says how things were then.
func TestWhatALeaderVouchesFor(t *testing.T) {
	for _, tc := range []struct {
		name    string
		after   time.Duration // a stamp comes before the leader sends what is answered, or by so much after it
		index   uint64        // what is confirmed: the mark is 1
		delay   time.Duration // of the answer
		vouches bool
		reads   bool
	}{
		{"a stamp, then a message that is answered", 0, 1, 0, true, true},
		{"a message, then a stamp and the answer", time.Millisecond, 1, 0, false, true},
		{"what was acknowledged before may not count yet", 0, 0, 0, false, false},
		{"the answer was long on its way", 0, 1, 2 * simLag, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSim(t, 1, 3, true)
			defer s.close()
			l := s.loops["n1"]
			sent := l.stamp()
			l.adopt(view{Epoch: 1, Leader: "n1"})
			l.flush()
			s.now = s.now.Add(tc.after)
			l.followers["n2"].noted(77, l.e.now())
			if tc.after == 0 {
				sent = l.stamp()
			}
			s.now = s.now.Add(tc.delay)
			l.appended(message{Kind: kindAppended, Epoch: 1, OK: true, Index: tc.index, Stamp: 78, Echo: sent, from: "n2"})
			to := [2]string{"n1", "n2"}
			s.links[to] = nil
			l.ship("n2", l.followers["n2"], true)
			if m := s.links[to]; len(m) != 1 || (m[0].Echo == 77) != tc.vouches || m[0].Echo != 77 && m[0].Echo != 0 {
				t.Errorf("it sends %+v", m)
			}
			l.publish()
			if l.e.lags() == tc.reads {
				t.Errorf("it asks the view service before it reads at max-lag: %t; led as of %s ago", tc.reads, l.e.since(l.e.status.Load().LedAsOf))
			}
		})
	}
}

// Entries that counted and are not the new leader's go, and with them what they wrote.
func TestTruncateWhatCounted(t *testing.T) {
	a, b, c := write1(1, "a", "r1"), write1(1, "b", "r2"), write1(2, "c", "")
	l := follower(t, 1, a, b)
	l.advance(2)
	l.append(message{Kind: kindAppend, Epoch: 2, Index: 1, At: 1, Entries: []entry{c}, Commit: 2, from: "n1"})
	if l.e.records.get("b").Live() || !l.e.records.get("a").Live() || !l.e.records.get("c").Live() {
		t.Errorf("records are %+v", l.e.records.keys)
	}
	if _, had := l.log.named["r2"]; had || l.e.lost.Load() != 1 {
		t.Errorf("names are %v, %d are counted as lost", l.log.named, l.e.lost.Load())
	}
}

// The promise to take nothing of an earlier leader is kept over a restart, with fencing, and not given while there is a leader.
func TestFencing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		fencing bool
		heard   bool
		refused bool
	}{
		{"fencing", true, false, true},
		{"no fencing", false, false, false},
		{"it hears of its leader", true, true, false},
	} {
		s := newSim(t, 1, 3, tc.fencing)
		l := s.loops["n2"]
		old := message{Kind: kindAppend, Epoch: 1, Entries: []entry{write1(1, "a", "")}, from: "n1"}
		l.append(old)
		if tc.heard {
			l.e.opts.ElectionTimeout = time.Hour
		}
		if answer := l.asked(message{Kind: kindAsk, Epoch: 2}); answer.OK == tc.heard {
			t.Errorf("%s: asked, it answers %+v", tc.name, answer)
		}
		s.restart("n2")
		old.Index, old.At, old.Entries[0].Key = 1, 1, "b"
		if answer := s.loops["n2"].append(old); answer.OK == tc.refused {
			t.Errorf("%s: the deposed leader gets %+v", tc.name, answer)
		}
		s.close()
	}
}

// Nodes that have searched in vain still want another leader: else they would keep each other from one for ever.
func TestSearchesInVain(t *testing.T) {
	l := follower(t, 0)
	l.e.opts.ElectionTimeout = time.Hour
	l.adopt(view{Epoch: 1, Leader: "n1"})
	l.heard = l.e.now().Add(-2 * time.Hour)
	l.searched()
	if answer := l.asked(message{Kind: kindAsk, Epoch: 2}); !answer.OK {
		t.Errorf("asked after a search in vain, it answers %+v", answer)
	}
}

// A leader that was restarted does not go on in its epoch, and one that took part in a later search does not begin.
func TestWhoMayBegin(t *testing.T) {
	s := newSim(t, 1, 3, true)
	defer s.close()
	s.loops["n1"].adopt(view{Epoch: 1, Leader: "n1"})
	if !s.loops["n1"].leading {
		t.Fatal("n1 does not lead")
	}
	s.restart("n1")
	s.loops["n1"].adopt(view{Epoch: 1, Leader: "n1"})
	if s.loops["n1"].leading {
		t.Error("n1 leads again in an epoch that it led before")
	}
	s.loops["n2"].asked(message{Kind: kindAsk, Epoch: 3})
	s.loops["n2"].adopt(view{Epoch: 2, Leader: "n2"})
	if s.loops["n2"].leading {
		t.Error("n2 leads in an epoch before the one that it promised")
	}
}

// A named request is written once: a repetition waits for the first, another write of that name is refused.
func TestNamedRequests(t *testing.T) {
	s := newSim(t, 1, 3, true)
	defer s.close()
	l := s.loops["n1"]
	l.adopt(view{Epoch: 1, Leader: "n1"})
	put := func(value, level string) *write {
		w := &write{req: engine.WriteRequest{Key: "k", Value: []byte(value), Request: "r", Level: level}, need: writeLevels()[level], done: make(chan written, 1)}
		l.propose(w)
		return w
	}
	first, again, other, stronger := put("v", LevelSemiSync), put("v", LevelSemiSync), put("w", LevelSemiSync), put("v", LevelSync)
	l.flush()
	if len(l.waiting) != 4 || l.log.last() != 2 {
		t.Fatalf("%d wait, %d entries; want all and the mark with one write", len(l.waiting), l.log.last())
	}
	l.appended(message{Kind: kindAppended, Epoch: 1, OK: true, Index: 2, from: "n3"})
	for _, w := range []*write{first, again} {
		if out := <-w.done; out.err != nil || out.res.Version != l.log.at(2).version(2) || !reflect.DeepEqual(out.res.Acked, []string{"n1", "n3"}) {
			t.Errorf("%+v", out)
		}
	}
	for _, w := range []*write{other, stronger} {
		if out := <-w.done; out.err == nil || out.err.Outcome != engine.NotWritten || !strings.Contains(out.err.Message, "another write") {
			t.Errorf("%+v", out)
		}
	}
	late := put("v", LevelSemiSync)
	if out := <-late.done; out.err != nil || out.res.Version != l.log.at(2).version(2) {
		t.Errorf("after it counts: %+v", out)
	}
}

// A condition is judged by all that has a place in the log, and the answer waits for it.
func TestConditionsSeeWhatDoesNotCountYet(t *testing.T) {
	s := newSim(t, 1, 3, true)
	defer s.close()
	l := s.loops["n1"]
	l.adopt(view{Epoch: 1, Leader: "n1"})
	create := func() *write {
		w := &write{req: engine.WriteRequest{Key: "k", Value: []byte("v"), If: &engine.Condition{Absent: true}}, need: needAnyFollower, done: make(chan written, 1)}
		l.propose(w)
		return w
	}
	first, second := create(), create()
	l.flush()
	if len(l.waiting) != 2 {
		t.Fatalf("%d wait, want both", len(l.waiting))
	}
	l.appended(message{Kind: kindAppended, Epoch: 1, OK: true, Index: l.log.last(), from: "n2"})
	if out := <-first.done; out.err != nil {
		t.Errorf("the first: %v", out.err)
	}
	if out := <-second.done; out.err == nil || out.err.Code != engine.CodeConflict {
		t.Errorf("the second: %+v", out)
	}
}

// A deposed leader may have any number of entries of its own: the epoch of the last entry decides, then the length.
func TestFurthest(t *testing.T) {
	at := func(from string, epoch, index uint64) message { return message{from: from, At: epoch, Index: index} }
	for _, tc := range []struct {
		name      string
		positions []message
		want      string
	}{
		{"a long log of an earlier epoch", []message{at("n1", 1, 10), at("n2", 2, 5)}, "n2"},
		{"the longer of one epoch", []message{at("n1", 2, 4), at("n2", 2, 5), at("n3", 1, 6)}, "n2"},
		{"the first by name of equals", []message{at("n3", 2, 5), at("n2", 2, 5)}, "n2"},
		{"an empty log", []message{at("n1", 0, 0), at("n2", 1, 1)}, "n2"},
	} {
		if got := furthest(tc.positions); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestKeeps(t *testing.T) {
	for _, tc := range []struct {
		level string
		nodes int
		want  bool
	}{
		{LevelAsync, 1, true}, {LevelAsync, 2, true}, {LevelAsync, 3, false},
		{LevelSemiSync, 2, true}, {LevelSemiSync, 3, true}, {LevelSemiSync, 4, true}, {LevelSemiSync, 5, false},
		{LevelSync, 5, true}, {LevelSync, 9, true},
	} {
		if got := Keeps(tc.level, tc.nodes); got != tc.want {
			t.Errorf("%s with %d nodes: %t", tc.level, tc.nodes, got)
		}
	}
}
