package membership

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// notes is a Disk in memory. It has records if there is something under the name records.
type notes map[string][]byte

func (n notes) Note(name string) ([]byte, error)    { return n[name], nil }
func (n notes) SetNote(name string, b []byte) error { n[name] = b; return nil }
func (n notes) HoldsRecords() (bool, error)         { return n["records"] != nil, nil }

func (n notes) ClearNotes(prefix string) error {
	maps.DeleteFunc(n, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
	return nil
}

func place(nodes []string) (placement.Placement, error) {
	return placement.New(placement.Options{Partitioner: placement.Modulo, Nodes: nodes, Replication: 2, VirtualNodes: placement.DefaultVirtualNodes})
}

// A node without data takes what is written to it in a later epoch than its own: a write at ALL may come before the change that makes it a member does. It
// takes nothing in its own, which may have been over for long, answers nothing until it joins, and serves no request of an earlier epoch either way.
func TestANodeWithoutDataTakesRecords(t *testing.T) {
	disk, first := notes{}, First([]string{"n1", "n2"})
	k, err := NewKeeper("n3", disk, place, first, true)
	if err != nil {
		t.Fatal(err)
	}
	moving := first.Begin([]string{"n1", "n2", "n3"})
	may := func(epoch uint64, take bool) error {
		leave, err := k.Enter(epoch, take)
		if err == nil {
			leave()
		}
		return err
	}
	for _, epoch := range []uint64{first.Epoch, moving.Epoch} {
		if err := may(epoch, true); (err == nil) != (epoch == moving.Epoch) {
			t.Errorf("epoch %d: a record is taken, or not: %v", epoch, err)
		}
		if err := may(epoch, false); !errors.Is(err, replica.ErrNotApplied) {
			t.Errorf("epoch %d: a node without data answers: %v", epoch, err)
		}
	}
	if k, err = NewKeeper("n3", disk, place, first, false); err != nil { // started again, and not told again
		t.Fatal(err)
	}
	if may(first.Epoch, false) == nil {
		t.Error("a node without data answers after a restart")
	}
	if _, err := k.Install(moving); err != nil {
		t.Fatal(err)
	}
	if err := may(moving.Epoch, false); err != nil {
		t.Errorf("a node that joins does not answer: %v", err)
	}
	var stale *replica.StaleError
	for _, take := range []bool{false, true} {
		if err := may(first.Epoch, take); !errors.As(err, &stale) {
			t.Errorf("an earlier epoch is served: %v", err)
		}
	}
}

// A node shows what it began with before there was any change.
func TestStatusBeforeAnyChange(t *testing.T) {
	first := First([]string{"n1", "n2"})
	k, err := NewKeeper("n1", notes{}, place, first, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := NewMover(Options{Self: "n1", Keeper: k}).Status(t.Context()); got.String() != first.String() || got.Steward != "n1" {
		t.Errorf("%+v", got)
	}
}

// A node that is told to join and has records is refused, as they would count for nothing; one that was killed before it had any, or that has joined, is not.
func TestWhoMayBeginWithoutData(t *testing.T) {
	first := First([]string{"n1", "n2"})
	for _, tc := range []struct {
		what string
		disk notes
		join bool
		ok   bool
	}{
		{"a new node joins", notes{}, true, true},
		{"a member with records joins", notes{"records": {1}}, true, false},
		{"a member with records does not join", notes{"records": {1}}, false, true},
		{"a node that has joined is started again", notes{"records": {1}, note: []byte(`{"epoch":4,"phase":"stable","members":["n1","n2"]}`)}, true, true},
	} {
		_, err := NewKeeper("n1", tc.disk, place, first, tc.join)
		if tc.ok != (err == nil) || !tc.ok && !errors.Is(err, ErrHoldsRecords) {
			t.Errorf("%s: %v", tc.what, err)
		}
	}
}

// A node without data says what is to be done: where it is a member, to be added is not enough.
func TestWhatANodeWithoutDataSays(t *testing.T) {
	for self, want := range map[string]string{"n1": "take it out of the members", "n3": "waits to be made a member"} {
		k, err := NewKeeper(self, notes{}, place, First([]string{"n1", "n2"}), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Enter(k.View().Epoch, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", self, err, want)
		}
	}
}

// A member that has kept no state where it must have kept one has lost its disk: it is a replica of nothing until it is taken out and added again, also after
// a restart. Where it cannot be taken out, it serves and says so. Who need not have kept one serves as before.
func TestAMemberThatLostItsDisk(t *testing.T) {
	three, four := []string{"n1", "n2", "n3"}, []string{"n1", "n2", "n3", "n4"}
	moving := First(three).Begin(four)
	second := moving.Advance().Advance().Begin(three)
	for _, tc := range []struct {
		what   string
		self   string
		heard  State
		serves bool
		says   string
	}{
		{"the first change begins", "n1", moving, true, ""},
		{"the first change goes on", "n1", moving.Advance(), false, "take it out"},
		{"the first change was canceled", "n1", moving.Cancel(), true, ""},
		{"the first change is done", "n1", moving.Advance().Advance(), false, "take it out"},
		{"after a cancellation the next one begins", "n1", moving.Cancel().Begin(four), false, "take it out"},
		{"the node joins", "n4", moving, true, ""},
		{"the second change takes the node out", "n4", second, false, "take it out"},
		{"the node was taken out", "n4", second.Advance().Advance(), true, ""},
		{"there are as many members as replicas", "n1", State{Epoch: 7, Phase: Stable, Members: []string{"n1", "n2"}}, true, "anti_entropy"},
	} {
		disk := notes{}
		k, err := NewKeeper(tc.self, disk, place, First(three), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Install(tc.heard); err != nil {
			t.Fatal(err)
		}
		serves := func(k *Keeper) bool {
			leave, err := k.Enter(tc.heard.Epoch, false)
			if err == nil {
				leave()
			}
			return err == nil
		}
		if got := k.Lost(); serves(k) != tc.serves || got == "" != (tc.says == "") || !strings.Contains(got, tc.says) {
			t.Errorf("%s: serves %t, says %q", tc.what, serves(k), got)
		}
		again, err := NewKeeper(tc.self, disk, place, First(three), false)
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Lost(); serves(again) != tc.serves || got != k.Lost() {
			t.Errorf("%s, and a restart: serves %t, says %q", tc.what, serves(again), got)
		}
		if tc.says == "" {
			continue
		}
		if slices.Contains(tc.heard.Members, tc.self) && tc.heard.Phase == Stable {
			joins := tc.heard.Begin(append(slices.Clone(tc.heard.Members), "n9"))
			for _, s := range []State{joins, joins.Advance(), joins.Advance().Advance()} { // of another node
				if _, err := again.Install(s); err != nil {
					t.Fatal(err)
				}
				tc.heard = s
				if got := again.Lost(); serves(again) != tc.serves || got != k.Lost() {
					t.Errorf("%s, and %s: serves %t, says %q", tc.what, s, serves(again), got)
				}
			}
		}
		without := State{Epoch: tc.heard.Epoch + 1, Phase: Stable, Members: []string{"n2", "n3"}}
		for _, s := range []State{without, without.Begin([]string{tc.self, "n2", "n3"})} {
			if _, err := again.Install(s); err != nil {
				t.Fatal(err)
			}
			tc.heard = s
			if got := again.Lost(); got != "" {
				t.Errorf("%s, and %s: says %q", tc.what, s, got)
			}
		}
		if !serves(again) || again.Lost() != "" {
			t.Errorf("%s: added again, it serves %t and says %q", tc.what, serves(again), again.Lost())
		}
	}
}
