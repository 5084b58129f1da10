package multileader

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Key space of a node's disk.
const (
	prefixKey         = 'k' // a key's state, with the place of its last change
	prefixCursor      = 'c' // up to where a leader's changes are merged here
	prefixIncarnation = 'i' // the name of this data directory
)

// The spaces of keys: what is under /kv, /counter, /set and /map with one name are four things.
const (
	spaceValue   = "v"
	spaceCounter = "c"
	spaceSet     = "s"
	spaceMap     = "m"
)

// place is where a leader's changes are merged up to.
type place struct {
	Incarnation string
	Upto        uint64
}

// change is the last change of a key.
type change struct {
	seq  uint64
	key  string
	from string // the replica whose state was taken as it is; empty when it is this node's own
}

// replica is what a node knows of all keys, in memory and on disk. Its methods are called by the node's loop alone.
type replica struct {
	node        string
	incarnation string
	conflicts   Conflicts
	most        int // bytes of a key that it may be made to have, see mostBytes
	clock       *hlc.Clock
	defects     *defect.Set
	db          *pebble.DB
	sync        *pebble.WriteOptions

	states  map[string]state
	last    map[string]uint64 // the place of a key's last change
	order   []change          // by place; those that are not the last of their keys count for nothing
	seq     uint64            // the last place
	merged  map[string]place  // by leader
	changed map[string]bool   // keys that are not on disk as they are
	moved   map[string]bool   // leaders whose place is not on disk
}

func openReplica(node string, o Options, clock *hlc.Clock, defects *defect.Set, db *pebble.DB, fsync bool) (*replica, error) {
	r := &replica{node: node, conflicts: o.Conflicts, most: mostBytes(o.Regions), clock: clock, defects: defects, db: db, sync: pebble.Sync, states: map[string]state{},
		last: map[string]uint64{}, merged: map[string]place{}, changed: map[string]bool{}, moved: map[string]bool{}}
	if !fsync {
		r.sync = pebble.NoSync
	}
	if err := r.load(); err != nil {
		return nil, fmt.Errorf("read the data directory: %w", err)
	}
	return r, r.nameIncarnation()
}

// nameIncarnation gives an empty directory a name of its own, so that a node that lost its disk is a new replica: what it numbers anew
// is not taken for what it numbered before.
func (r *replica) nameIncarnation() error {
	if r.incarnation != "" {
		return nil
	}
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return fmt.Errorf("name the data directory: %w", err)
	}
	r.incarnation = hex.EncodeToString(b[:])
	if err := r.db.Set([]byte{prefixIncarnation}, []byte(r.incarnation), pebble.Sync); err != nil {
		return fmt.Errorf("name the data directory: %w", err)
	}
	return nil
}

// id is this replica in dots and counters.
func (r *replica) id() string { return replicaID(r.node, r.incarnation) }

// replicaID is a node with one of its data directories.
func replicaID(node, incarnation string) string { return node + "#" + incarnation }

func (r *replica) load() (err error) {
	it, err := r.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixCursor}, UpperBound: []byte{prefixKey + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		name, c := string(it.Key()[1:]), read(it.Value())
		switch it.Key()[0] {
		case prefixIncarnation:
			r.incarnation = string(it.Value())
			continue
		case prefixCursor:
			r.merged[name] = place{c.Text(), c.Number()}
		case prefixKey:
			seq := c.Number()
			from := c.Text()
			r.states[name], r.last[name] = c.state(), seq
			r.order = append(r.order, change{seq, name, from})
			r.seq = max(r.seq, seq)
			r.clock.Observe(r.states[name].Latest.Version.Time)
		}
		if err := c.End(); err != nil {
			return fmt.Errorf("%q: %w", it.Key(), err)
		}
	}
	slices.SortFunc(r.order, func(a, b change) int { return cmp.Compare(a.seq, b.seq) })
	return it.Error()
}

// set makes s the state of a key. It is not durable before flush.
func (r *replica) set(key string, s state, from string) {
	r.seq++
	r.states[key], r.last[key], r.changed[key] = s, r.seq, true
	r.order = append(r.order, change{r.seq, key, from})
	if len(r.order) > 2*len(r.states)+1024 {
		r.order = slices.DeleteFunc(r.order, func(c change) bool { return r.last[c.key] != c.seq })
	}
}

// flush returns when all that was set and merged is durable, with the keys that it made so.
func (r *replica) flush() ([]string, error) {
	if len(r.changed) == 0 && len(r.moved) == 0 {
		return nil, nil
	}
	b := r.db.NewBatch()
	defer func() { _ = b.Close() }() // frees memory only
	keys := make([]string, 0, len(r.changed))
	origin := map[string]string{}
	for i := len(r.order) - 1; i >= 0 && len(origin) < len(r.changed); i-- {
		if c := r.order[i]; r.changed[c.key] && r.last[c.key] == c.seq {
			origin[c.key] = c.from
		}
	}
	for key := range r.changed {
		v := wire.AppendText(binary.AppendUvarint(nil, r.last[key]), origin[key])
		if err := b.Set(append([]byte{prefixKey}, key...), r.states[key].appendTo(v), nil); err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
		keys = append(keys, key)
	}
	for leader := range r.moved {
		p := r.merged[leader]
		if err := b.Set(append([]byte{prefixCursor}, leader...), binary.AppendUvarint(wire.AppendText(nil, p.Incarnation), p.Upto), nil); err != nil {
			return nil, fmt.Errorf("write: %w", err)
		}
	}
	if err := r.db.Apply(b, r.sync); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	clear(r.changed)
	clear(r.moved)
	return keys, nil
}

// changes are those after a place, of at most so many keys and batchBytes, but for a single key that is larger, without those that the replica to has sent itself; and the place up to which
// they go. The same node with an empty disk is another replica, and needs those too.
func (r *replica) changes(after uint64, most int, to string) (items []item, upto uint64) {
	at, _ := slices.BinarySearchFunc(r.order, after+1, func(c change, seq uint64) int { return cmp.Compare(c.seq, seq) })
	upto = after
	bytes := 0
	for _, c := range r.order[at:] {
		told := r.last[c.key] == c.seq && c.from != to
		if told {
			bytes += len(c.key) + binary.MaxVarintLen64 + r.states[c.key].size()
		}
		if len(items) >= most || told && len(items) > 0 && bytes > batchBytes {
			return items, upto
		}
		upto = c.seq
		if told {
			items = append(items, item{c.key, r.states[c.key]})
		}
	}
	return items, upto
}

// merge takes a leader's changes, if it has those before them, and says up to where it then has them.
func (r *replica) merge(m message) (upto uint64) {
	p := r.merged[m.from]
	if p.Incarnation != m.Incarnation {
		p = place{Incarnation: m.Incarnation}
	}
	if p.Upto < m.After && !r.defects.Has(defect.TrustDelivery) {
		return p.Upto
	}
	if m.Receiver != r.incarnation && !r.defects.Has(defect.TrustDelivery) {
		return p.Upto // what it left out was in a directory that is gone; or it asks for the place alone
	}
	flaws := flaws{maxOfTotals: r.defects.Has(defect.MaxOfTotals), dropContext: r.defects.Has(defect.DropContext), resurrect: r.defects.Has(defect.ResurrectRemoved)}
	for _, i := range m.Items {
		have := r.states[i.Key]
		next := have.join(i.State, flaws)
		if next.equal(have) {
			continue
		}
		from := ""
		if next.equal(i.State) {
			from = replicaID(m.from, m.Incarnation)
		}
		r.clock.Observe(next.Latest.Version.Time)
		r.set(i.Key, next, from)
	}
	p.Upto = max(p.Upto, m.Upto)
	r.merged[m.from], r.moved[m.from] = p, true
	return p.Upto
}

// put writes a value, or deletes it. With version vectors a context says what the client has seen, which is replaced.
func (r *replica) put(req engine.WriteRequest) (record.Version, *engine.Error) {
	key := spaceValue + req.Key
	if r.conflicts == LastWriteWins {
		return r.overwrite(key, req.Value, req.Delete), nil
	}
	have := r.states[key].Causal
	seen := have.Seen
	if r.conflicts == Siblings {
		var err error
		if seen, err = parseContext(req.Context); len(req.Context) > 0 && err != nil || seen[r.id()] > have.Seen[r.id()] {
			return record.Version{}, &engine.Error{Code: engine.CodeBadContext, Outcome: engine.NotWritten, Message: "the context is none that a read has returned"}
		}
		// What the context says was seen elsewhere is replaced when it comes.
		have.Seen = have.Seen.join(seen)
	}
	var value *string
	if !req.Delete {
		v := string(req.Value)
		value = &v
	}
	next := have.write(r.id(), value, func(t tagged) bool { return seen.has(t.Dot) })
	if err := r.fits(state{Causal: next}); value != nil && err != nil {
		return record.Version{}, err
	}
	r.set(key, state{Kind: kindCausal, Causal: next}, "")
	return next.version(), nil
}

// overwrite makes a value the latest that this node knows of.
func (r *replica) overwrite(key string, value []byte, tombstone bool) record.Version {
	rec := record.Record{Version: record.Version{Time: r.clock.After(r.states[key].Latest.Version.Time), Node: r.node}, Tombstone: tombstone}
	if !tombstone {
		rec.Value = value
	}
	r.set(key, state{Kind: kindLatest, Latest: rec}, "")
	return rec.Version
}

// version numbers the states of a key at one node: how many writes it knows of.
func (c causal) version() record.Version {
	return record.Version{Time: hlc.Timestamp(c.Seen.sum()), Node: "-"} //nolint:gosec // counts writes
}

// update changes a counter, a set or a map.
func (r *replica) update(req engine.UpdateRequest) (record.Version, *engine.Error) {
	switch {
	case r.conflicts == Siblings:
		return record.Version{}, &engine.Error{Code: engine.CodeTypes, Outcome: engine.NotWritten,
			Message: "with conflicts=siblings the store does not know how values are merged; the client does, by /kv"}
	case req.Type == engine.Counter:
		return r.add(spaceCounter+req.Key, req.Add), nil
	case req.Type == engine.Map:
		return r.changeMap(spaceMap+req.Key, req.By)
	}
	return r.change(spaceSet+req.Key, req.Element, req.Remove)
}

func (r *replica) add(key string, n int64) record.Version {
	s := r.states[key]
	if r.conflicts == LastWriteWins {
		return r.overwrite(key, strconv.AppendInt(nil, s.latestTotal()+n, 10), false)
	}
	counts := make(map[string]sums, len(s.Counts)+1)
	for id, c := range s.Counts {
		counts[id] = c
	}
	own := counts[r.id()]
	if n >= 0 {
		own.Up += uint64(n)
	} else {
		own.Down += uint64(-n)
	}
	counts[r.id()] = own
	next := state{Kind: kindCounter, Counts: counts}
	r.set(key, next, "")
	return record.Version{}
}

func (r *replica) change(key, element string, remove bool) (record.Version, *engine.Error) {
	s := r.states[key]
	elements := s.elements()
	_, there := slices.BinarySearch(elements, element)
	if remove && !there && !r.defects.Has(defect.RemoveWins) {
		return record.Version{}, &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "the element is not in the set here"}
	}
	if r.conflicts == LastWriteWins {
		if at, _ := slices.BinarySearch(elements, element); remove && there {
			elements = slices.Delete(elements, at, at+1)
		} else if !there {
			elements = slices.Insert(elements, at, element)
		}
		b, err := json.Marshal(elements)
		if err != nil {
			return record.Version{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "encode the set: " + err.Error()}
		}
		if err := r.fits(state{Latest: record.Record{Value: b}}); !remove && err != nil {
			return record.Version{}, err
		}
		return r.overwrite(key, b, false), nil
	}
	var value *string
	if !remove {
		value = &element
	}
	next := s.Causal.write(r.id(), value, func(t tagged) bool { return t.Value == element })
	if err := r.fits(state{Causal: next}); !remove && err != nil {
		return record.Version{}, err
	}
	if remove && r.defects.Has(defect.RemoveWins) {
		next.Gone = union(next.Gone, []string{element})
	}
	r.set(key, state{Kind: kindCausal, Causal: next}, "")
	if remove && !there {
		return record.Version{}, &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "the element is not in the set here"}
	}
	return next.version(), nil
}

// latestTotal is a counter that is the latest write alone.
func (s state) latestTotal() int64 {
	n, err := strconv.ParseInt(string(s.Latest.Value), 10, 64)
	if err != nil {
		return 0 // nothing was written yet
	}
	return n
}

// elements are those of a set, sorted; the slice is the caller's own.
func (s state) elements() []string {
	if s.Kind != kindLatest {
		return s.Causal.values()
	}
	var out []string
	if err := json.Unmarshal(s.Latest.Value, &out); err != nil {
		return nil // only this package writes it
	}
	return out
}

// view is a counter, a set or a map as it is.
func (s state) view(t engine.Type) engine.View {
	switch {
	case t == engine.Set:
		return engine.View{Elements: s.elements()}
	case t == engine.Map:
		return engine.View{Fields: s.mapFields()}
	case s.Kind == kindLatest:
		return engine.View{Total: s.latestTotal()}
	}
	return engine.View{Total: s.total()}
}

// read is a value as it is: of several the one that was written last by the count of its replica, so that nodes which know the same
// return the same.
func (s state) read() engine.ReadResult {
	if s.Kind == kindLatest {
		return engine.ReadResult{Record: s.Latest}
	}
	c := s.Causal
	if len(c.Seen) == 0 {
		return engine.ReadResult{}
	}
	out := engine.ReadResult{Record: record.Record{Version: c.version(), Tombstone: len(c.Live) == 0}, Context: appendVector(nil, c.Seen)}
	for _, t := range c.Live {
		out.Siblings = append(out.Siblings, []byte(t.Value))
		out.Record.Value = []byte(t.Value)
	}
	return out
}
