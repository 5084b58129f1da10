// Package antientropy brings replicas of the leaderless mode together in the background, without anybody reading: Demers et al.,
// "Epidemic Algorithms for Replicated Database Maintenance" (1987), with hash trees as in Dynamo (DeCandia et al., 2007, section 4.7).
//
// At every interval a node takes the next of its peers in turn, builds the tree of the records that both replicate, and sends its root. Who gets hashes
// answers with the hashes below those that differ from its own; at the leaves with its records of the leaves that differ. Who gets those takes what is
// newer, and answers with what it has newer itself. Records only grow (package record), so that an exchange cut off at any message, or
// one of trees that are old by now, is harmless: the next one goes on.
//
// So after a while in which nothing is written, any two replicas that can reach each other hold the same records, whatever hints, repairs
// and disks were lost: also a replica that comes back with an empty disk.
//
// # Tombstones
//
// A tombstone that is older than the grace (by its version and this node's clock) is removed from the disk. From then on nothing says that its key was
// deleted. It is left out of trees and exchanges as soon as it has expired, so that nodes which purge it sooner and later do not give it to
// each other for ever. A replica that was away for longer than the grace still has the value from before the delete; it is newer than nothing, and
// comes back on all. That is not a defect but the price of a grace: it must be longer than any replica is away, and any message or hint
// under way. Without a grace tombstones are kept for ever.
package antientropy

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	inbox     = 256
	maxLeaves = 512     // in one message
	maxBytes  = 1 << 20 // of records in one message; the rest is found by the next exchange
	// purgeSoon is when the defect purge-early removes tombstones.
	purgeSoon = 50 * time.Millisecond
)

// Store is a node's records.
type Store interface {
	// Each calls f with every record, in the order of keys, until it returns an error.
	Each(f func(key string, r record.Record) error) error
	// Get reads the record of key; the zero Record when there is none.
	Get(key string) (record.Record, error)
	// Purge removes the record of key if it still has this version.
	Purge(key string, v record.Version) error
}

// Options are all that a Syncer is told.
type Options struct {
	Self     string
	Peers    []string                    // all other nodes
	Shared   func(key, a, b string) bool // tells whether two nodes are both replicas of a key, now
	Store    Store
	Apply    func(key string, r record.Record) error // takes a record if it is newer
	Send     func(to string, body []byte) error      // an error says that it is lost
	Wall     func() time.Time                        // this node's clock
	Interval time.Duration                           // between exchanges; 0 for none
	Grace    time.Duration                           // after which tombstones go; 0 for never
	// Rest is how many times as long as a tree took to build it is used, although records have changed since; 0 builds one each time.
	Rest    int
	Defects *defect.Set
	Logger  *slog.Logger
}

// Stats count since the start.
type Stats struct{ Exchanges, Sent, Taken, Purged, Dropped atomic.Int64 }

// Syncer is safe for concurrent use.
type Syncer struct {
	o     Options
	stats Stats
	inbox chan envelope
	turn  int
	trees map[string]*tree     // by peer; the loop's own
	until map[string]time.Time // by peer: up to when its tree is used
}

type envelope struct {
	from string
	m    message
}

// message is one of hashes, or one of records.
type message struct {
	Level  int    `json:"level"`
	Nodes  []node `json:"nodes,omitempty"`
	Leaves []int  `json:"leaves,omitempty"` // of which Items are all that the sender has, or all that is newer there if Last
	Items  []item `json:"items,omitempty"`
	Last   bool   `json:"last,omitempty"`
}

type item struct {
	Key    string `json:"key"`
	Record []byte `json:"record"`
}

// New makes a syncer. Nothing happens before Run.
func New(o Options) *Syncer {
	return &Syncer{o: o, inbox: make(chan envelope, inbox), trees: map[string]*tree{}, until: map[string]time.Time{}}
}

// Stats are the syncer's counters.
func (s *Syncer) Stats() *Stats { return &s.stats }

// Receive takes a message of a peer. It does not wait: one for which there is no room is lost.
func (s *Syncer) Receive(from string, body []byte) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil || m.Level < 0 || m.Level > depth {
		s.o.Logger.Warn("malformed message of anti-entropy", "from", from, "error", err)
		return
	}
	select {
	case s.inbox <- envelope{from, m}:
	default:
		s.stats.Dropped.Add(1)
	}
}

// Run exchanges and purges until ctx ends. Peers are answered also without an interval of one's own.
func (s *Syncer) Run(ctx context.Context) {
	var exchange, purge <-chan time.Time
	if s.o.Interval > 0 && len(s.o.Peers) > 0 {
		t := time.NewTicker(s.o.Interval)
		defer t.Stop()
		exchange = t.C
	}
	if s.o.Grace > 0 {
		t := time.NewTicker(purgeSoon)
		defer t.Stop()
		purge = t.C
	}
	purged := time.Now()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case e := <-s.inbox:
			err = s.handle(e.from, e.m)
		case <-exchange:
			err = s.Begin()
		case <-purge:
			if time.Since(purged) < s.grace()/4 {
				continue
			}
			err = s.Purge()
			purged = time.Now()
		}
		if err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("anti-entropy", "error", err)
		}
	}
}

// Begin sends the root to the next peer. It is Run that calls it, or a test in its place.
func (s *Syncer) Begin() error {
	peer := s.o.Peers[s.turn%len(s.o.Peers)]
	s.turn++
	t, err := s.build(peer)
	if err != nil {
		return err
	}
	s.stats.Exchanges.Add(1)
	return s.send(peer, message{Nodes: []node{{0, t.levels[0][0]}}})
}

// build makes the tree of what this node and a peer both replicate, unless the last one is good enough: one that is old finds differences
// that are none any more, or later, and a node must have time for more than trees.
func (s *Syncer) build(peer string) (*tree, error) {
	start := time.Now()
	if old := s.trees[peer]; old != nil && (s.o.Defects.Has(defect.StaleTree) || s.o.Rest > 0 && start.Before(s.until[peer])) {
		return old, nil
	}
	t := &tree{}
	err := s.o.Store.Each(func(key string, r record.Record) error {
		if !s.expired(r) && s.shared(key, peer) {
			t.put(key, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("build the tree for %s: %w", peer, err)
	}
	t.seal()
	s.trees[peer], s.until[peer] = t, time.Now().Add(time.Duration(s.o.Rest)*time.Since(start))
	return t, nil
}

func (s *Syncer) shared(key, peer string) bool {
	return s.o.Shared(key, peer, s.o.Self)
}

// expired tells whether a record counts as if it were not there.
func (s *Syncer) expired(r record.Record) bool {
	if !r.Tombstone {
		return r.Version.IsZero()
	}
	if s.o.Defects.Has(defect.SyncSkipsTombstones) {
		return true
	}
	return s.past(r, s.grace())
}

func (s *Syncer) grace() time.Duration {
	if s.o.Grace > 0 && s.o.Defects.Has(defect.PurgeEarly) {
		return min(purgeSoon, s.o.Grace)
	}
	return s.o.Grace
}

func (s *Syncer) past(r record.Record, grace time.Duration) bool {
	return grace > 0 && s.o.Wall().UnixMilli()-r.Version.Time.WallMillis() > grace.Milliseconds()
}

// Purge removes tombstones that have expired. It is Run that calls it, or a test in its place.
func (s *Syncer) Purge() error {
	return s.o.Store.Each(func(key string, r record.Record) error {
		if !r.Tombstone || !s.past(r, s.grace()) {
			return nil
		}
		s.stats.Purged.Add(1)
		return s.o.Store.Purge(key, r.Version)
	})
}

func (s *Syncer) handle(from string, m message) error {
	if !slices.Contains(s.o.Peers, from) {
		return nil
	}
	if len(m.Leaves) > 0 {
		return s.records(from, m)
	}
	t := s.trees[from]
	if t == nil || m.Level == 0 {
		var err error
		if t, err = s.build(from); err != nil {
			return err
		}
	}
	differ := t.differ(m.Level, m.Nodes)
	switch {
	case len(differ) == 0:
		return nil
	case m.Level < depth:
		return s.send(from, message{Level: m.Level + 1, Nodes: t.children(m.Level, differ)})
	}
	differ = differ[:min(len(differ), maxLeaves)]
	out := message{Leaves: differ}
	err := s.inLeaves(from, t, differ, func(key string, r record.Record) { out.Items = append(out.Items, item{key, r.AppendTo(nil)}) })
	if err != nil {
		return err
	}
	return s.send(from, out.bounded())
}

// bounded leaves out what is too much for one message, and with it the leaves to which that belongs.
func (m message) bounded() message {
	size, out := 0, message{Last: m.Last}
	for _, leaf := range m.Leaves {
		var items []item
		more := 0
		for _, i := range m.Items {
			if leafOf(i.Key) == leaf {
				items = append(items, i)
				more += 2 * (len(i.Key) + len(i.Record))
			}
		}
		if size+more > maxBytes && len(out.Leaves) > 0 {
			break
		}
		size += more
		out.Leaves, out.Items = append(out.Leaves, leaf), append(out.Items, items...)
	}
	return out
}

// inLeaves calls f with the records that this node has in some leaves.
func (s *Syncer) inLeaves(peer string, t *tree, in []int, f func(key string, r record.Record)) error {
	for _, leaf := range in {
		if leaf < 0 || leaf >= leaves {
			continue
		}
		for _, key := range t.keys[leaf] {
			r, err := s.o.Store.Get(key)
			if err != nil {
				return fmt.Errorf("read for %s: %w", peer, err)
			}
			if !s.expired(r) {
				f(key, r)
			}
		}
	}
	return nil
}

// records takes what is newer, and answers with what is newer here.
func (s *Syncer) records(from string, m message) error {
	theirs := map[string]record.Record{}
	for _, i := range m.Items {
		r, err := record.Parse(i.Record)
		if err != nil || r.Version.IsZero() {
			return fmt.Errorf("a record of %s: %w", from, err)
		}
		theirs[i.Key] = r
		have, err := s.o.Store.Get(i.Key)
		if err != nil {
			return fmt.Errorf("read before taking a record of %s: %w", from, err)
		}
		if s.expired(r) || !s.shared(i.Key, from) || r.Compare(have) <= 0 {
			continue
		}
		s.stats.Taken.Add(1)
		if err := s.o.Apply(i.Key, r); err != nil {
			return fmt.Errorf("take a record of %s: %w", from, err)
		}
	}
	if m.Last {
		return nil
	}
	t, err := s.build(from)
	if err != nil {
		return err
	}
	out := message{Leaves: m.Leaves[:min(len(m.Leaves), maxLeaves)], Last: true}
	err = s.inLeaves(from, t, out.Leaves, func(key string, r record.Record) {
		if r.Compare(theirs[key]) > 0 {
			out.Items = append(out.Items, item{key, r.AppendTo(nil)})
		}
	})
	if err != nil || len(out.Items) == 0 {
		return err
	}
	return s.send(from, out.bounded())
}

func (s *Syncer) send(to string, m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode for %s: %w", to, err)
	}
	s.stats.Sent.Add(int64(len(m.Items)))
	_ = s.o.Send(to, b) // lost is as good as late: the next exchange finds the same
	return nil
}
