package membership

import (
	"encoding/json"
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
}

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
}

// kept is a state as it is on disk.
type kept struct {
	State
	// Blank says that the node began without the data of which it may be a replica by this state.
	Blank bool `json:"blank,omitempty"`
}

// NewKeeper finds the state on disk, or begins with first. A node that begins blank is no replica before a change has made it one.
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
		if err := k.save(s); err != nil {
			return nil, err
		}
	}
	if k.view, err = NewView(s.State, place); err != nil {
		return nil, err
	}
	k.blank = s.Blank
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
	blank := k.blank && !(s.Phase == Moving && slices.Contains(s.Next, k.self) && !slices.Contains(s.Members, k.self))
	if err := k.save(kept{s, blank}); err != nil {
		return now, err
	}
	k.fence.Lock()
	defer k.fence.Unlock()
	k.view, k.blank = v, blank
	return s, nil
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
		k.fence.RUnlock()
		return nil, fmt.Errorf("%w: this node waits to be made a member", replica.ErrNotApplied)
	}
	return k.fence.RUnlock, nil
}
