package consensus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3/raftpb"
)

// Key space of identities. It outlives snapshots.
const (
	prefixIdentity = 'i' // of this node's directory
	prefixDisk     = 'k' // the directory of another, by its identity
	prefixVerdict  = 'x' // that this node takes part no more
)

// identity is what a directory makes of its node. ID is its place among the nodes, with something random above if it was not among the first members:
// a node that has lost its directory and joins is another one. Disk is random, so that one of the first members that has lost its directory and does
// not say so is found out by those that knew it.
type identity struct {
	ID   uint64 `json:"id"`
	Disk uint64 `json:"disk"`
}

// identify reads the identity of the directory, or gives it one. It is that of a first member if the directory has a log
// without one, as of times before members changed.
func (e *Engine) identify(hasLog bool) (identity, error) {
	var out identity
	there, err := getJSON(e.db, prefixIdentity, &out)
	if err != nil {
		return out, fmt.Errorf("read this node's identity: %w", err)
	}
	if !there {
		out = identity{ID: e.places[e.node.Name], Disk: rand.Uint64() | 1}
		if !hasLog && (e.opts.Join || !e.first.votes(out.ID)) {
			out.ID |= (rand.Uint64() | 1) << placeBits
		}
		if err := setJSON(e.db, prefixIdentity, out); err != nil {
			return out, fmt.Errorf("note this node's identity: %w", err)
		}
	}
	var v verdict
	if there, err = getJSON(e.db, prefixVerdict, &v); err != nil {
		return out, fmt.Errorf("read whether this node is a member: %w", err)
	}
	if there {
		e.told.Store(&v)
		e.node.Logger.Error("this node takes no part in the group", "why", e.say(v, e.node.Name))
	}
	return out, nil
}

func getJSON(db *pebble.DB, prefix byte, into any) (there bool, err error) {
	raw, closer, err := db.Get([]byte{prefix})
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer closer.Close()
	return true, json.Unmarshal(raw, into)
}

func setJSON(db *pebble.DB, prefix byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return db.Set([]byte{prefix}, b, pebble.Sync)
}

// verdict is what others say of a node: that it was removed, or that they knew it by another directory.
type verdict struct {
	ID   uint64 `json:"id"` // of whom it is
	Disk uint64 `json:"disk,omitempty"`
	Lost bool   `json:"lost,omitempty"`
}

// say says a verdict to people, and the way out.
func (e *Engine) say(v verdict, node string) string {
	what := node + " was removed from the group"
	if v.Lost {
		what = node + " has lost the directory with which it was a member: what it has acknowledged is not here"
	}
	if e.opts.Service != "" {
		return what + "; it neither votes nor holds anything that counts, and has members answer. The members of this group are fixed: it is one again with the directory that it had"
	}
	return what + "; it neither votes nor holds anything that counts. Start it with an empty directory and --join, then 'members add " + node + "'"
}

// disks are the directories by which this node knows others.
type disks struct {
	db    *pebble.DB
	sync  *pebble.WriteOptions
	known map[uint64]uint64
}

func openDisks(db *pebble.DB, sync *pebble.WriteOptions) (out disks, err error) {
	out = disks{db, sync, map[uint64]uint64{}}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixDisk}, UpperBound: []byte{prefixDisk + 1}})
	if err != nil {
		return out, fmt.Errorf("read the directories of others: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Key()) != 9 || len(it.Value()) != 8 {
			return out, fmt.Errorf("%w: the directory of another", errMalformed)
		}
		out.known[binary.BigEndian.Uint64(it.Key()[1:])] = binary.BigEndian.Uint64(it.Value())
	}
	return out, it.Error()
}

// learn notes durably by which directory another is known, before anything that it says counts.
func (d disks) learn(id, disk uint64) error {
	key := binary.BigEndian.AppendUint64([]byte{prefixDisk}, id)
	if err := d.db.Set(key, binary.BigEndian.AppendUint64(nil, disk), d.sync); err != nil {
		return fmt.Errorf("note the directory of another: %w", err)
	}
	d.known[id] = disk
	return nil
}

// address appends what comes before a message: whose directory it comes from, and for whose it is, if that is known.
func (d disks) address(b []byte, own, to uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, own)
	return binary.BigEndian.AppendUint64(b, d.known[to])
}

const addressSize = 16

// addressed takes apart what address has put together.
func addressed(b []byte) (from, to uint64, body []byte, err error) {
	if len(b) < addressSize {
		return 0, 0, nil, fmt.Errorf("%w: %d bytes", errMalformed, len(b))
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), b[addressSize:], nil
}

// admit tells whether a message of the library counts: it comes from the directory by which its sender is known, it is for this one, and it does
// not stand for election in the name of a node that was removed. To whom that is news, it is told. An error is one of the disk.
func (l *loop) admit(m message) (bool, error) {
	from := m.raft.GetFrom()
	if l.e.told.Load() != nil || m.raft.GetTo() != l.e.self.ID {
		return false, nil
	}
	if m.mine != 0 && m.mine != l.e.self.Disk {
		return false, l.condemned(verdict{ID: l.e.self.ID, Disk: m.mine, Lost: true})
	}
	if !l.e.confirmed.Load() {
		return false, nil
	}
	switch known, ok := l.disks.known[from]; {
	case !ok:
		if err := l.disks.learn(from, m.disk); err != nil {
			return false, err
		}
	case known != m.disk:
		l.tell(m.from, verdict{ID: from, Disk: known, Lost: true})
		return false, nil
	}
	switch m.raft.GetType() {
	case raftpb.MessageType_MsgVote, raftpb.MessageType_MsgPreVote:
		if slices.Contains(l.machine.now().Removed, from) {
			l.tell(m.from, verdict{ID: from})
			return false, nil
		}
	}
	return true, nil
}

// tell sends a verdict; it is sent again with the next message that calls for it.
func (l *loop) tell(node string, v verdict) {
	if b, err := json.Marshal(v); err == nil {
		_ = l.e.sendTo(node, kindVerdict, b)
	}
}

// sentenced takes a verdict, if it is of this node as it is.
func (l *loop) sentenced(m message) error {
	var v verdict
	if err := json.Unmarshal(m.body, &v); err != nil {
		l.e.node.Logger.Warn("malformed message", "from", m.from, "error", err)
		return nil
	}
	if v.ID != l.e.self.ID || v.Lost && v.Disk == l.e.self.Disk || l.e.told.Load() != nil {
		return nil
	}
	return l.condemned(v)
}

// condemned ends this node's part in the group, also for its next starts.
func (l *loop) condemned(v verdict) error {
	if err := setJSON(l.e.db, prefixVerdict, v); err != nil {
		return fmt.Errorf("note that this node is no member: %w", err)
	}
	l.e.told.Store(&v)
	l.publish()
	l.e.node.Logger.Error("this node takes no part in the group any more", "why", l.e.say(v, l.e.node.Name))
	return nil
}
