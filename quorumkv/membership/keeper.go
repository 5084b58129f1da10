package membership

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// Disk is where a node keeps small things by name.
type Disk interface {
	// Note returns what is kept under name, nil when there is nothing.
	Note(name string) ([]byte, error)
	// SetNote keeps b, which is not empty, under name. It is durable when SetNote returns.
	SetNote(name string, b []byte) error
	// ClearNotes removes what is kept under names that begin with prefix.
	ClearNotes(prefix string) error
	// HoldsRecords tells whether there is any record of a key.
	HoldsRecords() (bool, error)
}

// ErrHoldsRecords says that a node is to begin without data and has some.
var ErrHoldsRecords = errors.New("this node has data, and is no node that joins without any")

// note is the name of what a Keeper keeps.
const note = "membership"

// Keeper has the state of one node: durably, and as the fence of its replica. All methods may be called concurrently.
type Keeper struct {
	self  string
	disk  Disk
	place func(nodes []string) (placement.Placement, error)

	installing sync.Mutex // one at a time

	fence sync.RWMutex // held for reading while a replica serves
	view  *View
	blank bool
	// unheard says that the disk has kept no state, blank or not.
	unheard bool
	lost    string // what is to be said of a member that came back without its data; empty of others
}

// kept is a state as it is on disk.
type kept struct {
	State
	// Blank says that the node began without the data of which it may be a replica by this state.
	Blank bool `json:"blank,omitempty"`
	// Lost is what Keeper.Lost says.
	Lost string `json:"lost,omitempty"`
}

// NewKeeper finds the state on disk, or begins with first. A node that begins blank is no replica before a change has made it one; it is ErrHoldsRecords if its disk
// has records and no state, because those would count for nothing from then on.
func NewKeeper(self string, disk Disk, place func([]string) (placement.Placement, error), first State, blank bool) (*Keeper, error) {
	k := &Keeper{self: self, disk: disk, place: place}
	s := kept{State: first, Blank: blank}
	b, err := disk.Note(note)
	if err != nil {
		return nil, err
	}
	if b != nil {
		s = kept{}
		if err := json.Unmarshal(b, &s); err != nil {
			return nil, fmt.Errorf("read the membership: %w", err)
		}
	} else if blank {
		there, err := disk.HoldsRecords()
		if err == nil && there {
			err = ErrHoldsRecords
		}
		if err == nil {
			err = k.save(s)
		}
		if err != nil {
			return nil, err
		}
	}
	if k.view, err = NewView(s.State, place); err != nil {
		return nil, err
	}
	k.blank, k.lost, k.unheard = s.Blank, s.Lost, b == nil && !blank
	return k, nil
}

func (k *Keeper) save(s kept) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the membership: %w", err)
	}
	return k.disk.SetNote(note, b)
}

// View is the current one.
func (k *Keeper) View() *View {
	k.fence.RLock()
	defer k.fence.RUnlock()
	return k.view
}

// Install keeps a state if its epoch is larger than that of the current one, which it returns. When it returns, this node serves nothing of an earlier epoch.
func (k *Keeper) Install(s State) (State, error) {
	k.installing.Lock()
	defer k.installing.Unlock()
	now := k.View().State
	if s.Epoch <= now.Epoch {
		return now, nil
	}
	v, err := NewView(s, k.place)
	if err != nil {
		return now, err
	}
	member := slices.Contains(s.Members, k.self)
	blank := k.blank && !(s.Phase == Moving && slices.Contains(s.Next, k.self) && !member)
	lost := ""
	if member {
		lost = k.lost // until it is none: only what joins copies what others have
	}
	if k.unheard && forgotten(s, k.self) {
		var out bool
		if lost, out = lostData(v); out {
			blank = true
		}
	}
	if err := k.save(kept{s, blank, lost}); err != nil {
		return now, err
	}
	k.fence.Lock()
	defer k.fence.Unlock()
	k.view, k.blank, k.lost, k.unheard = v, blank, lost, false
	return s, nil
}

// lostData is what is to be said of a member that came back without its data, and whether it can be taken out of the members: else it has to serve as the replica that has
// seen nothing.
func lostData(v *View) (says string, out bool) {
	if len(v.Members) <= v.Read.N() {
		return "this node is a member and has lost its data: reads may miss what it had, until anti_entropy has filled it; or add another member, take this node out, and add it again", false
	}
	return "this node is a member and has lost its data: take it out of the members, and add it again", true
}

// LosesData is told that this node had another data directory, which it does not have any more. A member is a replica of nothing from then on, also after a restart, until it is
// taken out and added again; where members cannot change, or there are no more of them than replicas, it serves and says so. Who holds no keys has lost none.
func (k *Keeper) LosesData(fixed bool) error {
	k.installing.Lock()
	defer k.installing.Unlock()
	v := k.View()
	if k.blank || k.lost != "" || !slices.Contains(v.Members, k.self) {
		return nil
	}
	lost, blank := lostData(v)
	if fixed {
		lost, blank = "this node is a member and has lost its data: reads may miss what it had, until anti_entropy has filled it", false
	}
	if err := k.save(kept{v.State, blank, lost}); err != nil {
		return err
	}
	k.fence.Lock()
	defer k.fence.Unlock()
	k.blank, k.lost, k.unheard = blank, lost, false
	return nil
}

// forgotten tells whether a node that has kept no state must have kept one before others could come to s. All members keep the first state that moves before one that
// switches is made, and what became of the first change before the next one begins. What a cancellation left, and the first change itself, a member may not have heard of.
func forgotten(s State, self string) bool {
	return slices.Contains(s.Members, self) && (s.Phase == Switching || s.Epoch > First(nil).Epoch+2)
}

// Lost says what is to be known of a node that came back without the data that it had as a member, until it is a member no more; it is empty of others.
func (k *Keeper) Lost() string {
	k.fence.RLock()
	defer k.fence.RUnlock()
	return k.lost
}

// why is what a blank node says; the fence is held.
func (k *Keeper) why() string {
	switch {
	case k.lost != "":
		return k.lost
	case slices.Contains(k.view.Members, k.self): // as far as it knows
		return "this node began without data: take it out of the members, if it is one, and add it"
	}
	return "this node waits to be made a member"
}

// Learn is Install of what a replica answered that refused a request.
func (k *Keeper) Learn(b []byte) error {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a membership that cannot be read: %w", err)
	}
	_, err := k.Install(s)
	return err
}

// Enter implements replica.Fence. A node that is blank takes records of a later epoch alone: it may be asked to before it has heard that it joins, and holds
// them as any other does. Its own epoch may have been over for long, so that what it took in that, from itself, would be nowhere.
func (k *Keeper) Enter(epoch uint64, take bool) (leave func(), err error) {
	k.fence.RLock()
	switch {
	case epoch < k.view.Epoch:
		b, err := json.Marshal(k.view.State)
		now := k.view.Epoch
		k.fence.RUnlock()
		if err != nil {
			return nil, fmt.Errorf("encode the membership: %w", err)
		}
		return nil, &replica.StaleError{Epoch: now, Membership: b}
	case k.blank && !(take && epoch > k.view.Epoch):
		why := k.why()
		k.fence.RUnlock()
		return nil, fmt.Errorf("%w: %s", replica.ErrNotApplied, why)
	}
	return k.fence.RUnlock, nil
}
