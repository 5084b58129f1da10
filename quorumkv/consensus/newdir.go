package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// prefixConfirmed is the key that says that enough others know this directory. It outlives snapshots.
const prefixConfirmed = 'w'

// needKnown is how many of the other first members must know a first member's directory before it counts: any two sets of so many have at least as many
// in common as make a majority with the member itself.
func needKnown(members int) int { return (members - 1 + members/2 + 1) / 2 }

// amongFirst tells whether an identity is that of a first member.
func (e *Engine) amongFirst(id uint64) bool { return id == place(id) && e.first.votes(id) }

// confirm reads whether this node's directory counts: that of a first member only when enough others know it, but for one with a log, as it has taken part before.
func (e *Engine) confirm(hasLog bool) error {
	raw, closer, err := e.db.Get([]byte{prefixConfirmed})
	switch {
	case err == nil:
		_ = closer.Close() // frees memory only
		e.confirmed.Store(len(raw) > 0)
	case !errors.Is(err, pebble.ErrNotFound):
		return fmt.Errorf("read whether this node's directory is known: %w", err)
	case hasLog || !e.amongFirst(e.self.ID) || needKnown(len(e.first.Voters)) == 0:
		return e.nowKnown()
	}
	return nil
}

func (e *Engine) nowKnown() error {
	if err := e.db.Set([]byte{prefixConfirmed}, []byte{1}, pebble.Sync); err != nil {
		return fmt.Errorf("note that this node's directory is known: %w", err)
	}
	e.confirmed.Store(true)
	return nil
}

// introduceSelf asks the other first members that have not said so whether they know this directory.
func (l *loop) introduceSelf() {
	for _, id := range l.e.first.Voters {
		if name := l.e.name(id); id != l.e.self.ID && !slices.Contains(l.knownBy, name) {
			_ = l.e.sendTo(name, kindIntroduce, l.e.self.marshal()) // lost is as good as unanswered
		}
	}
}

// introduced takes the question of a first member whether its directory is known here, and notes it if none is. Another first member answers, also while
// it waits to be known itself: a directory notes one of another and no second. An error is one of the disk.
func (l *loop) introduced(m message) error {
	of, ok := parseIdentity(m.body)
	if !ok || of.ID != l.e.places[m.from] || !l.e.amongFirst(of.ID) {
		return nil
	}
	if !l.e.amongFirst(l.e.self.ID) {
		// What its lost directory knew is not known, and a node that joins may be one of many that were replaced since: its word would prove nothing.
		if l.e.amongFirst(place(l.e.self.ID)) {
			_ = l.e.sendTo(m.from, kindJoins, m.body) // lost is as good as not asked
		}
		return nil
	}
	switch known, ok := l.disks.known[of.ID]; {
	case !ok:
		if err := l.disks.learn(of.ID, of.Disk); err != nil {
			return err
		}
	case known != of.Disk:
		l.tell(m.from, verdict{ID: of.ID, Disk: known, Lost: true})
		return nil
	}
	_ = l.e.sendTo(m.from, kindKnown, m.body) // lost is as good as not asked
	return nil
}

// knows takes the answer of one that knows a directory, which may be one that this node has lost since. An error is one of the disk.
func (l *loop) knows(m message) error {
	of, ok := parseIdentity(m.body)
	if !ok || of != l.e.self || l.e.confirmed.Load() || slices.Contains(l.knownBy, m.from) {
		return nil
	}
	l.knownBy = append(l.knownBy, m.from)
	l.joining = slices.DeleteFunc(l.joining, func(n string) bool { return n == m.from })
	l.tellJoining()
	l.e.knownBy.Store(int64(len(l.knownBy)))
	if len(l.knownBy) < needKnown(len(l.e.first.Voters)) {
		return nil
	}
	l.e.node.Logger.Info("this node's directory is known", "by", strings.Join(l.knownBy, " "))
	return l.e.nowKnown()
}

// joins notes who does not say whether it knows this directory, for it was started to join.
func (l *loop) joins(m message) {
	of, ok := parseIdentity(m.body)
	if !ok || of != l.e.self || l.e.confirmed.Load() || slices.Contains(l.joining, m.from) || slices.Contains(l.knownBy, m.from) {
		return
	}
	l.joining = append(l.joining, m.from)
	l.tellJoining()
	l.e.node.Logger.Warn("this node waits to be known", "why", l.e.silent())
}

func (l *loop) tellJoining() {
	now := slices.Sorted(slices.Values(l.joining))
	l.e.joining.Store(&now)
}

// silent is why this node takes no part yet; empty if it does.
func (e *Engine) silent() string {
	if e.confirmed.Load() {
		return ""
	}
	n := len(e.first.Voters)
	why := fmt.Sprintf("%s has a new directory, which %d of the %d other first members know: it neither votes nor holds anything before %d do. If it had another one, put that back, or start it with an empty one and --join",
		e.node.Name, e.knownBy.Load(), n-1, needKnown(n))
	if j := e.joining.Load(); j != nil && len(*j) > 0 {
		who := strings.Join(*j, " and ")
		why += fmt.Sprintf(". %s, started with --join, cannot say. If this group has never been there, it does not come to be that way: start %s with an empty directory and without --join", who, who)
	}
	return why
}

const identitySize = 16

func (i identity) marshal() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, i.ID), i.Disk)
}

func parseIdentity(b []byte) (identity, bool) {
	if len(b) != identitySize {
		return identity{}, false
	}
	return identity{ID: binary.BigEndian.Uint64(b), Disk: binary.BigEndian.Uint64(b[8:])}, true
}
