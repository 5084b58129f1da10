package membership

import (
	"log/slog"
	"strings"
	"testing"
)

// lives is a node with a disk, as it is after its last start.
type lives struct {
	disk   notes
	keeper *Keeper
	dirs   *Directories
}

func start(t *testing.T, self string, disk notes, members []string, joins, fixed bool) *lives {
	t.Helper()
	k, err := NewKeeper(self, disk, place, First(members), joins)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectories(disk, k, joins, fixed, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &lives{disk, k, d}
}

// greet is the request and the answer of one connection.
func greet(t *testing.T, a *lives, nameA string, b *lives, nameB string) {
	t.Helper()
	if err := b.dirs.Met(nameA, a.dirs.Own(), a.dirs.Known(nameB)); err != nil {
		t.Fatal(err)
	}
	if err := a.dirs.Met(nameB, b.dirs.Own(), b.dirs.Known(nameA)); err != nil {
		t.Fatal(err)
	}
}

func (l *lives) serves() bool {
	leave, err := l.keeper.Enter(l.keeper.View().Epoch, false)
	if err == nil {
		leave()
	}
	return err == nil
}

// A node that comes back with another directory than it had is told so by the first that knew it, whoever connects to whom, and serves nothing until it was made a member anew; where it has to
// serve, it says so. One with the directory that it had is told nothing, nor is one that held nothing or says by itself that it joins.
func TestANodeThatLostItsDirectory(t *testing.T) {
	three, two := []string{"n1", "n2", "n3"}, []string{"n1", "n2"} // two replicas
	for _, tc := range []struct {
		what                string
		members             []string
		self                string
		known               bool // by the other, before
		wiped, joins, fixed bool
		serves              bool
		says                string
		forgets             bool // whether the other knows the node by its new directory in the end
	}{
		{what: "the same directory", members: three, self: "n1", known: true, serves: true},
		{what: "an empty one", members: three, self: "n1", known: true, wiped: true, says: "take it out", forgets: true},
		{what: "an empty one, which nobody knew", members: three, self: "n1", wiped: true, serves: true, forgets: true},
		{what: "an empty one, where members cannot change", members: three, self: "n1", known: true, wiped: true, fixed: true, serves: true, says: "has lost its data", forgets: true},
		{what: "an empty one, where it cannot be taken out", members: two, self: "n1", known: true, wiped: true, serves: true, says: "has lost its data", forgets: true},
		{what: "an empty one, of a node without keys", members: two, self: "n3", known: true, wiped: true, serves: true, forgets: true},
		{what: "an empty one, and it joins", members: three, self: "n1", known: true, wiped: true, joins: true, forgets: true},
	} {
		for _, calls := range []string{"the node", "the other"} {
			other := start(t, "n2", notes{}, tc.members, false, tc.fixed)
			node := start(t, tc.self, notes{}, tc.members, false, tc.fixed)
			meet := func(n *lives) {
				t.Helper()
				if calls == "the node" {
					greet(t, n, tc.self, other, "n2")
				} else {
					greet(t, other, "n2", n, tc.self)
				}
			}
			if tc.known {
				meet(node)
				if node.keeper.Lost() != "" || other.keeper.Lost() != "" {
					t.Fatalf("%s: they meet for the first time: %q, %q", tc.what, node.keeper.Lost(), other.keeper.Lost())
				}
			}
			disk := node.disk
			if tc.wiped {
				disk = notes{}
			}
			node = start(t, tc.self, disk, tc.members, tc.joins, tc.fixed)
			check := func(when string) {
				t.Helper()
				if got := node.keeper.Lost(); node.serves() != tc.serves || (got == "") != (tc.says == "") || !strings.Contains(got, tc.says) {
					t.Errorf("%s, %s calls, %s: serves %t, says %q", tc.what, calls, when, node.serves(), got)
				}
				if other.keeper.Lost() != "" {
					t.Errorf("%s: the other says %q", tc.what, other.keeper.Lost())
				}
			}
			meet(node)
			check("they meet")
			node = start(t, tc.self, disk, tc.members, false, tc.fixed)
			meet(node)
			check("and again after a restart")
			if other = start(t, "n2", other.disk, tc.members, false, tc.fixed); tc.forgets != (other.dirs.Known(tc.self) == strings.Fields(node.dirs.Own())[0]) && tc.wiped {
				t.Errorf("%s, %s calls: the other knows %q, it is %q", tc.what, calls, other.dirs.Known(tc.self), node.dirs.Own())
			}
			// Made a member anew it is one for good, and the next loss is one too.
			if tc.says == "" || tc.serves {
				continue
			}
			for _, s := range []State{{Epoch: 4, Phase: Stable, Members: []string{"n2", "n3"}}, {Epoch: 7, Phase: Stable, Members: three}} {
				if s.Epoch == 7 {
					if _, err := node.keeper.Install(State{Epoch: 5, Phase: Moving, Members: []string{"n2", "n3"}, Next: three}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := node.keeper.Install(s); err != nil {
					t.Fatal(err)
				}
			}
			meet(node)
			if !node.serves() || node.keeper.Lost() != "" {
				t.Errorf("%s: added again, it serves %t and says %q", tc.what, node.serves(), node.keeper.Lost())
			}
			node = start(t, tc.self, notes{}, tc.members, false, tc.fixed)
			if meet(node); node.keeper.Lost() == "" {
				t.Errorf("%s: lost once more, it says nothing", tc.what)
			}
		}
	}
}
