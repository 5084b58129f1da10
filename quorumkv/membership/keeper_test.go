package membership

import (
	"errors"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// notes is a Disk in memory.
type notes map[string][]byte

func (n notes) Note(name string) ([]byte, error)    { return n[name], nil }
func (n notes) SetNote(name string, b []byte) error { n[name] = b; return nil }

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
