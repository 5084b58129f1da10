// Package membership lets nodes join and leave the mode leaderless, and ranges of keys be split, merged and moved, while clients read and write: which nodes hold which keys is
// a state with an epoch, every node keeps it durably, and a change moves the keys before it moves the answers.
//
// # States
//
// A stable state has the members on which keys are placed. A change of the members goes through two states more, each with the next epoch:
//
//	stable     members A       writes need W of A                 reads ask R of A
//	moving     from A to B     writes need W of A and W of B      reads ask R of A
//	switching  from A to B     writes need W of A and W of B      reads ask R of B
//	stable     members B       writes need W of B                 reads ask R of B
//
// (W of A means: W of the replicas of the key that the placement on A gives.) Versions that a write asks for, and what a blocking read leaves holding its value, go
// like reads and like writes. In the state moving every node that takes a key pulls it from the key's old replicas (see below);
// switching begins when all have everything. A change that is moving can be canceled: the next state is stable with members A.
//
// # Ranges
//
// With partitioner range a state may have a table as well: the ranges of keys, and which members each is on. (Without one the ranges are those of the configuration, around the
// members.) A change of the table, by any number of splits, merges and moves at once, is a change as above, of which A and B are the placements by the old and by the new table on the same members:
// nothing here asks of a placement more than that a key has N distinct replicas in it. So
//
//   - a request is served under the table of the epoch that it was asked in, by each replica, or refused, and is asked again as a whole: no request counts replicas of two tables
//     for one, and a read of several ranges (package leaderless) is of one table too;
//   - a node that has not heard of a change asks under the old table. While the change moves, that is refused by every replica that has heard, and the node learns the new state from the refusal; those that
//     have not heard serve it, which is a request of the state before: the next state is made when no member is left that would. One that no client and no node can reach changes nothing, and the change waits for it if it is a member;
//   - a split moves nothing: both parts are where the range was, so that A and B have the same replicas of every key, no node takes any, and the change is over when all members have its states on disk. A
//     merge moves what the second range has to where the first one is, unless that is where it was;
//   - what a node keeps of a range that it does not hold any more is read by nobody, and if the range comes back to it, it pulls that like any other node: of each key the larger record stays.
//
// When members join or leave, the table's replicas on who leaves go to other members, and who joins takes from those that have most (placement.Table.Onto).
//
// # Who decides
//
// The first member by name of a stable state, its steward, alone makes the states that follow it, up to and with the next stable one, one after
// the other, each on its own disk before anybody else hears of it: no two states have one epoch. It makes the next state when every member,
// old and new, has the current one on disk. Whoever learns of a state with a larger epoch than its own keeps it, from whomever it comes.
//
// # Why no acknowledged write is lost, and none is missed
//
// A replica refuses what is asked in an epoch smaller than its own, and tells the state that it has; who is refused keeps that and asks again, so that
// clients see no error. A request that is being served when a replica takes a state is finished first: once a member has said that it has an
// epoch, it serves nothing of an earlier one. Hence, because the steward waits for all, requests that overlap are of one state or of two that
// follow each other. Package coordinator's argument asks that what a write or a write-back left, and what a later read or question for versions asks, meet:
//
//   - stable and moving both ask A, and both leave W in A;
//   - moving and switching both leave W in A and W in B: whichever of the two a reader asks;
//   - switching and stable both ask B, and both leave W in B;
//   - what was left before moving began is on as many replicas in B as it was in A when switching begins. A key has N replicas in each, so that as many join as
//     leave; those that join have pulled from all the old ones, after all of these had stopped taking writes of the earlier epoch. So each has whatever any of
//     the old ones had, or something larger, and makes up for one that left.
//
// # Pulling
//
// A value comes over the network once: the first old replica of a key gives its record, and the others tell its version and hash as they have it. The node that
// takes the key goes through the pages of all old members together, in the order of keys; what one tells of that is neither smaller than the
// record which the first one gave nor the same, it fetches from there. What a replica has of a key never becomes smaller, so that what is fetched is at least what was told.
// A page of keys is written at once, with how far it goes, only when all of its keys are there from all old replicas. So the point above needs no source to be
// complete: a write that was acknowledged by W old replicas, and that any of the others has missed, the first one among them, is fetched from those that have it.
//
// A write keeps its version when it is asked again in the next state. It was larger than those of all writes acknowledged before it began, and is still.
//
// # When a node dies
//
// In each state as many replicas may be away as before, of A and of B. A change waits for members that are away, old or new, wherever it is: their
// epochs and cursors are on disk, and they go on where they were. A steward that is killed goes on too, with the state that it has. What it had on disk
// and told nobody, it tells then. A change that waits can be canceled while it is moving; after that it can only go on. So a member that is gone for good cannot be removed: start it again
// with an empty directory, knowing that it is empty (Join): it is away as a replica, but agrees to the changes by which it leaves and joins again. One that
// does not know it finds out where its disk must have kept a state and has none (Keeper.Install), and is away from then on; before any change there is nothing to find it out by.
package membership

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/placement"
)

// Phase is how far a change is.
type Phase string

// The phases, in their order.
const (
	Stable    Phase = "stable"
	Moving    Phase = "moving"
	Switching Phase = "switching"
)

// State is which nodes hold keys. It is a value: nobody changes its slices.
type State struct {
	Epoch   uint64   `json:"epoch"`
	Phase   Phase    `json:"phase"`
	Members []string `json:"members"`        // sorted; before the change, while there is one
	Next    []string `json:"next,omitempty"` // sorted; after the change, while there is one
	// Ranges and NextRanges are the table before and after the change; none means that the ranges are those of the configuration.
	Ranges     placement.Table `json:"ranges,omitempty"`
	NextRanges placement.Table `json:"next_ranges,omitempty"`
}

// First is the state of nodes that have seen no change.
func First(members []string) State {
	return State{Epoch: 1, Phase: Stable, Members: slices.Sorted(slices.Values(members))}
}

// Begin is the state after a stable one in which the members become next.
func (s State) Begin(next []string) State {
	out := State{Epoch: s.Epoch + 1, Phase: Moving, Members: s.Members, Next: slices.Sorted(slices.Values(next)), Ranges: s.Ranges}
	if s.Ranges != nil {
		out.NextRanges = s.Ranges.Onto(next)
	}
	return out
}

// BeginRanges is the state after a stable one in which the members stay and the ranges become next.
func (s State) BeginRanges(next placement.Table) State {
	return State{Epoch: s.Epoch + 1, Phase: Moving, Members: s.Members, Next: s.Members, Ranges: s.Ranges, NextRanges: next}
}

// Advance is the state after one that is moving or switching.
func (s State) Advance() State {
	if s.Phase == Moving {
		s.Epoch, s.Phase = s.Epoch+1, Switching
		return s
	}
	return State{Epoch: s.Epoch + 1, Phase: Stable, Members: s.Next, Ranges: s.NextRanges}
}

// Cancel is the state after one that is moving, without the change.
func (s State) Cancel() State {
	return State{Epoch: s.Epoch + 1, Phase: Stable, Members: s.Members, Ranges: s.Ranges}
}

// Steward is the node that makes the states which follow.
func (s State) Steward() string { return s.Members[0] }

// All are the members before and after, sorted.
func (s State) All() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Members, s.Next))))
}

// String spells the state for people. Different states are spelled differently.
func (s State) String() string {
	before := spelled(s.Members, s.Ranges)
	if s.Phase == Stable {
		return fmt.Sprintf("epoch %d: the members are %s", s.Epoch, before)
	}
	return fmt.Sprintf("epoch %d: %s from %s to %s", s.Epoch, s.Phase, before, spelled(s.Next, s.NextRanges))
}

func spelled(members []string, t placement.Table) string {
	m := strings.Join(members, " ")
	if t != nil {
		m += fmt.Sprintf(" with %d ranges (%s)", len(t), t.Digest())
	}
	return m
}

// OfRanges tells whether a change goes on that leaves the members as they are.
func (s State) OfRanges() bool { return s.Phase != Stable && slices.Equal(s.Members, s.Next) }

func (s State) valid() error {
	switch {
	case s.Epoch == 0 || len(s.Members) == 0:
		return errors.New("a membership without an epoch or members")
	case s.Phase != Stable && s.Phase != Moving && s.Phase != Switching:
		return fmt.Errorf("a membership of phase %q", s.Phase)
	case (s.Phase == Stable) != (len(s.Next) == 0):
		return fmt.Errorf("a membership of phase %s and next members %v", s.Phase, s.Next)
	case s.Phase == Stable && s.NextRanges != nil:
		return fmt.Errorf("a membership of phase %s and next ranges", s.Phase)
	}
	return nil
}

// View is a state with where it places keys. It does not change.
type View struct {
	State
	Read placement.Placement // whose replicas are asked
	Also placement.Placement // whose replicas must hold what is written, too; nil in a stable state
	old  placement.Placement // in the state moving: Read
	next placement.Placement // Also
}

// NewView makes the view of a state. Place is the placement on these nodes.
func NewView(s State, place func(nodes []string) (placement.Placement, error)) (*View, error) {
	if err := s.valid(); err != nil {
		return nil, err
	}
	old, err := placed(s.Members, s.Ranges, place)
	if err != nil {
		return nil, err
	}
	v := &View{State: s, Read: old, old: old}
	if s.Phase == Stable {
		return v, nil
	}
	next, err := placed(s.Next, s.NextRanges, place)
	if err != nil {
		return nil, err
	}
	v.next, v.Also = next, next
	if s.Phase == Switching {
		v.Read, v.Also = next, old
	}
	return v, nil
}

// placed is the placement on these nodes, by the table if there is one.
func placed(nodes []string, t placement.Table, place func([]string) (placement.Placement, error)) (placement.Placement, error) {
	p, err := place(nodes)
	if err != nil || t == nil {
		return p, err
	}
	return placement.Assign(p, t)
}

// Groups are the sets of N replicas in each of which a write needs its level: those that are asked first, and others if there are.
func (v *View) Groups(key string) [][]string {
	read := v.Read.Replicas(key)
	if v.Also == nil {
		return [][]string{read}
	}
	also := v.Also.Replicas(key)
	if sameSet(read, also) {
		return [][]string{read}
	}
	return [][]string{read, also}
}

// Holds tells whether node is, or becomes, a replica of key.
func (v *View) Holds(key, node string) bool {
	return slices.Contains(v.Read.Replicas(key), node) || v.Also != nil && slices.Contains(v.Also.Replicas(key), node)
}

// takers are the nodes that may take keys: with ranges those that take one, and on a ring only those that join, when none leaves, because their points only take from others.
func (v *View) takers() []string {
	if takers, ok := placement.Takers(v.old, v.next); ok {
		return takers
	}
	joins := slices.DeleteFunc(slices.Clone(v.Next), func(n string) bool { return slices.Contains(v.Members, n) })
	leaves := slices.ContainsFunc(v.Members, func(n string) bool { return !slices.Contains(v.Next, n) })
	if v.old.Partitioner() == placement.Ring && !leaves {
		return joins
	}
	return v.Next
}

func sameSet(a, b []string) bool {
	for _, n := range a {
		if !slices.Contains(b, n) {
			return false
		}
	}
	return len(a) == len(b)
}
