package consensus

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3/raftpb"
)

// members are who votes and who learns, at one position of the log. It is a part of the replicated state, and is not changed once it is published.
type members struct {
	Epoch     uint64   `json:"epoch"` // 1 before any change, and one more with each step of one
	Voters    []uint64 `json:"voters"`
	Outgoing  []uint64 `json:"outgoing,omitempty"`   // voters before, while both majorities are needed (joint consensus)
	Learners  []uint64 `json:"learners,omitempty"`   // that are being added
	Next      []uint64 `json:"next,omitempty"`       // learners once the joint step is over
	AutoLeave bool     `json:"auto_leave,omitempty"` // the leader ends the joint step
	Removed   []uint64 `json:"removed,omitempty"`    // voters that were; none of them ever comes back
}

// placeBits are those of an identity that are the node's place among all names; the others tell its lives apart. In the
// library's words, a member that comes back without what it had voted and acknowledged must be another.
const placeBits = 16

func place(id uint64) uint64 { return id & (1<<placeBits - 1) }

// name is the node of an identity; empty for that of none.
func (e *Engine) name(id uint64) string { return e.names[place(id)] }

// firstMembers are these nodes, or all, each in its first life.
func firstMembers(places map[string]uint64, names []string) members {
	m := members{Epoch: 1}
	for name, id := range places {
		if len(names) == 0 || slices.Contains(names, name) {
			m.Voters = append(m.Voters, id)
		}
	}
	slices.Sort(m.Voters)
	return m
}

// now are the members at the applied position.
func (m *machine) now() members {
	if m.members.Epoch == 0 {
		return m.first
	}
	return m.members
}

func (m *machine) loadMembers() error {
	raw, closer, err := m.db.Get(space(prefixMembers, m.generation))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the members: %w", err)
	}
	defer closer.Close()
	m.members, err = parseMembers(raw)
	return err
}

func parseMembers(b []byte) (members, error) {
	var out members
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("%w: members: %w", errMalformed, err)
	}
	if out.Epoch == 0 || len(out.Voters) == 0 {
		return out, fmt.Errorf("%w: members of epoch %d with %d voters", errMalformed, out.Epoch, len(out.Voters))
	}
	return out, nil
}

// become makes these the members from the step on.
func (s *step) become(next members) error {
	b, err := json.Marshal(next)
	if err == nil {
		err = s.batch.Set(space(prefixMembers, s.m.generation), b, nil)
	}
	if err != nil {
		return fmt.Errorf("note the members: %w", err)
	}
	s.m.members = next
	return nil
}

// state is the library's form.
func (m members) state() *raftpb.ConfState {
	return &raftpb.ConfState{Voters: m.Voters, VotersOutgoing: m.Outgoing, Learners: m.Learners, LearnersNext: m.Next, AutoLeave: new(m.AutoLeave)}
}

// after are the members that follow by a change which the library has carried out. Who has voted and does not any more is removed for good. A learner that
// is given up never had a vote, and what it has of the log it still has: it may be added again as it is.
func (m members) after(s *raftpb.ConfState) members {
	next := members{Epoch: m.Epoch + 1, Voters: s.GetVoters(), Outgoing: s.GetVotersOutgoing(), Learners: s.GetLearners(), Next: s.GetLearnersNext(),
		AutoLeave: s.GetAutoLeave(), Removed: slices.Clone(m.Removed)}
	for _, id := range slices.Concat(m.Voters, m.Outgoing) {
		if !next.has(id) && !slices.Contains(next.Removed, id) {
			next.Removed = append(next.Removed, id)
		}
	}
	return next
}

func (m members) joint() bool { return len(m.Outgoing) > 0 }

// votes tells whether an identity counts.
func (m members) votes(id uint64) bool {
	return slices.Contains(m.Voters, id) || slices.Contains(m.Outgoing, id)
}

// has tells whether an identity is in the group in whatever part.
func (m members) has(id uint64) bool {
	return m.votes(id) || slices.Contains(m.Learners, id) || slices.Contains(m.Next, id)
}

// voterAt is the voter at a place; 0 if there is none.
func (m members) voterAt(at uint64) uint64 {
	for _, id := range m.Voters {
		if place(id) == at {
			return id
		}
	}
	return 0
}
