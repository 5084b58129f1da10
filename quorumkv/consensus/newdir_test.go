package consensus

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Any two sets of so many of the others have as many in common as make a majority with the member itself, and with one fewer they need not.
func TestNeedKnown(t *testing.T) {
	for n := 1; n < 20; n++ {
		shares := func(need int) bool { return 2*need-(n-1) >= n/2 }
		if k := needKnown(n); k > n-1 || !shares(k) || k > 0 && shares(k-1) {
			t.Errorf("of %d members %d others are needed", n, k)
		}
	}
}

// wipe has a node come back with an empty directory, and nothing else to say.
func (s *sim) wipe(name string) {
	s.stop(name)
	s.nodes[name].fs = vfs.NewCrashableMem()
	s.start(name)
}

// A first member with a wiped directory counts for nothing while those are away that knew its old one, and says so; when one is back, it hears what it has lost.
func TestAWipedFirstMemberIsSilent(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	s.put("n1", "k", "v")
	s.agree("n1", "n2", "n3")
	was := s.nodes["n2"].e.self
	s.crash("n1")
	s.crash("n3")
	s.wipe("n2")
	s.wire = nil // it could hear there what it has lost
	for range 50 {
		s.round()
	}
	if e := s.nodes["n2"].e; e.counts() || !strings.Contains(e.lost(), "which 0 of the 2 other first members know") || !strings.Contains(e.lost(), "--join") || e.view().Lost != e.lost() {
		t.Errorf("it counts: %t, and says %q", e.counts(), e.lost())
	}
	// An answer that is about the old directory comes late.
	s.must(s.nodes["n2"].l.knows(message{from: "n1", body: was.marshal()}))
	s.must(s.nodes["n2"].l.knows(message{from: "n3", body: was.marshal()}))
	if e := s.nodes["n2"].e; e.counts() {
		t.Error("it counts by answers about the directory that it has lost")
	}
	s.start("n3")
	for range 50 {
		s.round()
	}
	if name, _ := s.leader(); name != "" {
		t.Errorf("%s leads without n1", name)
	}
	if e := s.nodes["n2"].e; e.counts() || !strings.Contains(e.lost(), "has lost the directory") {
		t.Errorf("it counts: %t, and says %q", e.counts(), e.lost())
	}
	s.start("n1")
	s.until("two go on", func() bool { name, _ := s.leader(); return name == "n1" || name == "n3" })
}

// A directory that was known stays known over a restart, and asks nobody.
func TestAKnownDirectoryStaysKnown(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	s.until("there is a leader", s.led)
	s.crash("n1")
	s.crash("n2")
	s.start("n2")
	if e := s.nodes["n2"].e; !e.confirmed.Load() || e.lost() != "" {
		t.Errorf("it counts: %t, and says %q", e.confirmed.Load(), e.lost())
	}
	s.until("two lead without the third", func() bool { name, _ := s.leader(); return name == "n2" || name == "n3" })
}

// TestWipedFirstMembers: links are cut and messages late, nodes are killed, and up to a minority of first members comes back with empty directories, one of them from the
// beginning on, without a word: no term has two leaders, and those that have their directories have all that was acknowledged.
func TestWipedFirstMembers(t *testing.T) {
	acked, wiped := 0, 0
	for seed := range uint64(60) {
		names := []string{"n1", "n2", "n3", "n4", "n5"}[:3+2*(seed%2)]
		s := newSim(t, seed, 1000, names...)
		s.slow = seed%3 == 0
		lost := map[string]bool{}
		pick := func() string { return names[s.r.IntN(len(names))] }
		for i := range 4000 {
			switch p := s.r.IntN(1000); {
			case p < 10:
				link := [2]string{pick(), pick()}
				s.cut[link] = !s.cut[link]
			case p < 14:
				name := pick()
				if s.nodes[name].e == nil {
					s.start(name)
				} else {
					s.crash(name)
				}
			case p < 17 && len(lost) < len(names)/2, p < 17 && s.r.IntN(2) == 0:
				name := pick()
				if len(lost) < len(names)/2 || lost[name] {
					lost[name] = true
					s.wipe(name)
					wiped++
				}
			case p < 100:
				s.put(pick(), fmt.Sprint("k", i), fmt.Sprint("v", i))
			}
			s.step(0.02)
		}
		acked += len(s.acked)
		clear(s.cut)
		s.slow = false
		whole := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return lost[n] })
		for _, n := range names {
			if s.nodes[n].e == nil {
				s.start(n)
			}
		}
		if len(s.acked) > 0 { // else too few may ever have met
			s.until(fmt.Sprint("all has what was acknowledged, seed ", seed), func() bool {
				for _, n := range whole {
					for k, v := range s.acked {
						if r, err := s.nodes[n].e.Local(k); err != nil || string(r.Value) != v {
							return false
						}
					}
				}
				return true
			})
		}
		for n := range s.nodes {
			s.stop(n)
		}
	}
	t.Logf("%d writes were acknowledged, %d directories wiped", acked, wiped)
	if acked < 1000 || wiped < 60 {
		t.Error("nothing was tried")
	}
}

// A group forms although one of its first members was wiped when others knew it and the group was not there yet: that one hears what it has lost, answers
// the others all the same, and is a member again when it joins.
func TestAGroupFormsAroundAWipedMember(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	s.crash("n3")
	for range 20 {
		s.round()
	}
	if e1, e2 := s.nodes["n1"].e, s.nodes["n2"].e; e1.knownBy.Load() != 1 || e2.knownBy.Load() != 1 || e1.counts() || e2.counts() {
		t.Fatalf("n1 is known by %d, n2 by %d", e1.knownBy.Load(), e2.knownBy.Load())
	}
	s.wipe("n2")
	s.until("n2 hears what it has lost", func() bool { return strings.Contains(s.nodes["n2"].e.lost(), "has lost the directory") })
	s.start("n3")
	s.until("n1 and n3 go on", func() bool { name, _ := s.leader(); return name == "n1" || name == "n3" })
	s.put("n1", "k", "v")
	s.until("a write is acknowledged", func() bool { return s.acked["k"] == "v" })
	s.stop("n2")
	s.nodes["n2"] = &simNode{fs: vfs.NewCrashableMem(), join: true}
	s.start("n2")
	s.add("n2")
	s.agree("n1", "n2", "n3")
}

// A node that counts may have confirmed a lease before it had anything in its log: after a restart it is careful with its vote all the same.
func TestOneThatCountsWithoutALogIsCarefulAfterARestart(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	e := func() *Engine { return s.nodes["n3"].e }
	if e().oldLife {
		t.Error("it had a life before its first")
	}
	s.until("n3 counts", func() bool { return e().confirmed.Load() })
	s.crash("n3")
	s.start("n3")
	if last, err := s.nodes["n3"].l.log.LastIndex(); err != nil || last > 0 {
		t.Fatalf("it has %d entries (%v)", last, err)
	}
	if !e().oldLife {
		t.Error("it votes as if nobody had heard of it")
	}
}

// A group that was never there does not come to be while a first member that was wiped was started to join: the others say so and what to do, and by that it comes to be.
func TestAGroupThatWaitsForOneThatJoins(t *testing.T) {
	s := newSim(t, 1, 1000, "n1", "n2", "n3")
	s.crash("n3")
	for range 20 {
		s.round()
	}
	s.nodes["n3"] = &simNode{fs: vfs.NewCrashableMem(), join: true}
	s.start("n3")
	const way = "n3, started with --join, cannot say"
	for _, n := range []string{"n1", "n2"} {
		s.until(n+" says what it waits for", func() bool { return strings.Contains(s.nodes[n].e.lost(), way) })
		if s.nodes[n].e.counts() {
			t.Errorf("%s counts by the word of n3, which has lost its directory and joins", n)
		}
		s.crash(n) // it is told anew
		s.start(n)
		s.until(n+" says it again", func() bool {
			return strings.Contains(s.nodes[n].e.view().Lost, "start n3 with an empty directory and without --join")
		})
	}
	s.stop("n3")
	s.nodes["n3"] = &simNode{fs: vfs.NewCrashableMem()}
	s.start("n3")
	// Who leads is drawn by the library: any of the three may.
	s.until("the group is there", func() bool { name, _ := s.leader(); return name != "" })
	for _, n := range []string{"n1", "n2", "n3"} {
		s.until(n+" has nothing to say", func() bool { return s.nodes[n].e.lost() == "" })
	}
	s.put("n1", "k", "v")
	s.until("a write is acknowledged", func() bool { return s.acked["k"] == "v" })
}
