package multileader

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sim is a cluster of loops without goroutines, clocks and sockets: what happens next is drawn. Messages of a link arrive in their order, or
// are lost with all that are on their way, as by a connection that breaks. With slow links they may be held back for any time, and what was on its way in a connection
// that broke, or from or to a node before its restart, may come after what was sent later. Beside it the operations themselves are
// followed: which of them each node has heard of, directly or by what it was told. What a key must be is then said by the operations alone
// (Burckhardt, Gotsman, Yang, Zawirski, "Replicated data types: specification, verification, optimality", 2014).
type sim struct {
	t         *testing.T
	rng       *rand.Rand
	names     []string
	regions   int
	conflicts Conflicts
	fs        map[string]*vfs.MemFS
	loops     map[string]*loop
	defects   defect.Set
	now       time.Time
	skew      map[string]time.Duration
	links     map[[2]string][]shadowed
	ops       []operation
	heard     map[string]known // by node
	clients   map[string]client
	acked     int
	removed   int
	loses     bool         // whether disks are lost too
	lost      map[int]bool // operations that nobody had heard of whose disk was not lost
	slow      bool         // whether messages may be late
	held      map[[2]string]bool
	late      []flight
}

// operation is one that was acknowledged.
type operation struct {
	key    string
	n      int64
	value  string
	remove bool
	by     engine.FieldChange // of a map
	knew   []int              // of its key, at the leader that took it; of a client that merges, those that it had seen
}

// known are operations by key.
type known map[string][]int

// shadowed is a message on its way, with the operations that its states come from.
type shadowed struct {
	m   message
	ops known
}

// flight is a message that comes when it comes.
type flight struct {
	link [2]string
	sh   shadowed
}

// client is what a client of siblings has last read of a key.
type client struct {
	seen []byte
	ops  []int
}

func newSim(t *testing.T, seed uint64, nodes, regions int, conflicts Conflicts) *sim {
	s := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 7)), regions: regions, conflicts: conflicts, fs: map[string]*vfs.MemFS{}, loops: map[string]*loop{},
		now: time.UnixMilli(1_800_000_000_000), skew: map[string]time.Duration{}, links: map[[2]string][]shadowed{}, heard: map[string]known{}, clients: map[string]client{}, lost: map[int]bool{}, held: map[[2]string]bool{}}
	for i := range nodes {
		s.names = append(s.names, fmt.Sprint("n", i+1))
	}
	for _, n := range s.names {
		s.fs[n], s.heard[n] = vfs.NewCrashableMem(), known{}
		s.skew[n] = time.Duration(s.rng.IntN(2000)) * time.Millisecond
		s.start(n)
	}
	return s
}

func (s *sim) close() {
	for _, l := range s.loops {
		must(s.t, l.r.db.Close())
	}
}

// start starts a node from its disk.
func (s *sim) start(name string) {
	log := slog.New(slog.DiscardHandler)
	db, err := storage.OpenDB(storage.Options{Dir: "data", Mode: Mode, Node: name, Ring: "sim", FS: s.fs[name], Logger: log})
	must(s.t, err)
	// A name that the seed gives, so that the run is the same again.
	if _, closer, err := db.Get([]byte{prefixIncarnation}); err == nil {
		must(s.t, closer.Close())
	} else {
		must(s.t, db.Set([]byte{prefixIncarnation}, fmt.Appendf(nil, "%08x", s.rng.Uint32()), pebble.Sync))
	}
	clock := hlc.NewClock(func() time.Time { return s.now.Add(s.skew[name]) }, 500*time.Millisecond)
	r, err := openReplica(name, Options{Regions: s.regions, Conflicts: s.conflicts}, clock, &s.defects, db, true)
	must(s.t, err)
	e := &Engine{node: engine.Node{Name: name, Logger: log, Defects: &s.defects}, names: s.names, shown: map[string]state{},
		opts: Options{Regions: s.regions, Conflicts: s.conflicts}}
	e.place()
	l := newLoop(e, r)
	l.out = func(to string, m message) error {
		sh := shadowed{m: m, ops: known{}}
		for _, i := range m.Items {
			sh.ops[i.Key] = slices.Clone(s.heard[name][i.Key])
		}
		s.links[[2]string{name, to}] = append(s.links[[2]string{name, to}], sh)
		return nil
	}
	s.loops[name] = l
}

func (s *sim) pick() string { return s.names[s.rng.IntN(len(s.names))] }

// step lets one thing happen.
func (s *sim) step() {
	s.now = s.now.Add(time.Duration(s.rng.IntN(5)) * time.Millisecond)
	if s.slow && s.rng.IntN(50) == 0 {
		link := [2]string{s.pick(), s.pick()}
		s.held[link] = !s.held[link]
	}
	switch p := s.rng.IntN(1000); {
	case p < 500:
		s.deliver()
	case p < 700:
		s.write(s.loops[s.pick()])
	case p < 900:
		s.loops[s.pick()].exchange()
	case p < 960: // a connection breaks
		s.breaks([2]string{s.pick(), s.pick()})
	case p < 975:
		if name := s.pick(); s.loses && s.rng.IntN(3) == 0 {
			s.lose(name)
		} else {
			s.crash(name)
		}
	default: // a clock is bent
		s.skew[s.pick()] = time.Duration(s.rng.IntN(20_000)-10_000) * time.Millisecond
	}
}

// crash kills a node and starts it: what was not synced is gone.
func (s *sim) crash(name string) {
	for _, n := range s.names {
		s.breaks([2]string{n, name})
		s.breaks([2]string{name, n})
	}
	after := s.fs[name].CrashClone(vfs.CrashCloneCfg{})
	must(s.t, s.loops[name].r.db.Close())
	s.fs[name] = after
	s.start(name)
}

// lose kills a node and starts it with an empty disk. What nobody else had been told of is lost.
func (s *sim) lose(name string) {
	for _, n := range s.names {
		s.breaks([2]string{n, name})
		s.breaks([2]string{name, n})
	}
	must(s.t, s.loops[name].r.db.Close())
	s.fs[name], s.heard[name] = vfs.NewCrashableMem(), known{}
	for i, op := range s.ops {
		known := false
		for _, n := range s.names {
			_, hears := slices.BinarySearch(s.heard[n][op.key], i)
			known = known || hears
		}
		s.lost[i] = s.lost[i] || !known
	}
	s.start(name)
}

// deliver hands over the first message of a link, by its binary form as on a wire.
func (s *sim) deliver() {
	full := slices.SortedFunc(maps.Keys(s.links), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	full = slices.DeleteFunc(full, func(l [2]string) bool { return len(s.links[l]) == 0 || s.held[l] })
	if n := len(s.late); n > 0 && (s.rng.IntN(10) == 0 || len(full) == 0) {
		i := s.rng.IntN(n)
		f := s.late[i]
		s.late = slices.Delete(s.late, i, i+1)
		s.hand(f.link, f.sh)
		return
	}
	if len(full) == 0 {
		return
	}
	link := full[s.rng.IntN(len(full))]
	sh := s.links[link][0]
	s.links[link] = s.links[link][1:]
	s.hand(link, sh)
}

// breaks loses what is on its way, or with slow links some of it, and has the rest come whenever that is.
func (s *sim) breaks(link [2]string) {
	for _, sh := range s.links[link] {
		if s.slow && s.rng.IntN(2) == 0 {
			s.late = append(s.late, flight{link, sh})
		}
	}
	s.links[link] = nil
}

func (s *sim) hand(link [2]string, sh shadowed) {
	to := s.loops[link[1]]
	b := sh.m.marshal()
	if len(b) > peer.MaxMessage {
		s.t.Fatalf("a message of %d bytes, which no peer takes", len(b))
	}
	m, err := parseMessage(b)
	must(s.t, err)
	m.from = link[0]
	before := to.r.merged[m.from]
	taken := m.Receiver == to.r.incarnation
	if before.Incarnation != m.Incarnation {
		before.Upto = 0
	}
	to.received(m)
	to.flush()
	must(s.t, to.fatal)
	if m.What == whatChanges && (before.Upto >= m.After && taken || s.defects.Has(defect.TrustDelivery)) {
		for key, ops := range sh.ops {
			s.hear(link[1], key, ops)
		}
	}
}

func (s *sim) hear(node, key string, ops []int) {
	all := slices.Concat(s.heard[node][key], ops)
	slices.Sort(all)
	s.heard[node][key] = slices.Compact(all)
}

// write lets a client do something at a leader.
func (s *sim) write(l *loop) {
	if !l.e.leads() {
		return
	}
	name, key, value := l.e.node.Name, fmt.Sprint("k", s.rng.IntN(2)), fmt.Sprint("e", s.rng.IntN(4))
	op := operation{value: value, n: int64(s.rng.IntN(9)) - 3}
	var t *task
	switch p := s.rng.IntN(7); {
	case s.conflicts == Siblings:
		s.mergeAndWrite(l, key)
		return
	case p == 0:
		op.key, op.value = spaceValue+key, fmt.Sprint("v", len(s.ops))
		op.remove = s.rng.IntN(5) == 0
		t = &task{write: &engine.WriteRequest{Key: key, Value: []byte(op.value), Delete: op.remove}}
	case p == 1:
		op.key = spaceCounter + key
		t = &task{update: &engine.UpdateRequest{Type: engine.Counter, Key: key, Add: op.n}}
	case p > 3:
		op.key, op.by, op.n = spaceMap+key, drawChange(s.rng), 0
		op.remove = removes(op.by)
		t = &task{update: &engine.UpdateRequest{Type: engine.Map, Key: key, By: op.by}}
	default:
		op.key, op.remove = spaceSet+key, p == 3
		t = &task{update: &engine.UpdateRequest{Type: engine.Set, Key: key, Element: value, Remove: op.remove}}
	}
	op.knew = slices.Clone(s.heard[name][op.key])
	if d := s.do(l, t); d.err != nil {
		if d.err.Code != engine.CodeConflict {
			s.t.Fatal(d.err)
		}
		return // an element that is not there
	}
	if op.remove {
		s.removed++
	}
	s.acknowledge(name, op)
}

func (s *sim) do(l *loop, t *task) done {
	t.done = make(chan done, 1)
	l.do(t)
	l.flush()
	must(s.t, l.fatal)
	return <-t.done
}

func (s *sim) acknowledge(name string, op operation) {
	s.ops = append(s.ops, op)
	s.acked++
	s.hear(name, op.key, []int{len(s.ops) - 1})
}

// mergeAndWrite is a client of siblings, which reads at any leader, and later writes at any leader over what it has read.
func (s *sim) mergeAndWrite(l *loop, key string) {
	who := fmt.Sprint(s.rng.IntN(3), key)
	c, read := s.clients[who]
	if !read || s.rng.IntN(2) == 0 {
		res := l.e.get(spaceValue + key).read()
		c = client{seen: res.Context, ops: slices.Clone(s.heard[l.e.node.Name][spaceValue+key])}
		s.clients[who] = c
		return
	}
	op := operation{key: spaceValue + key, value: fmt.Sprint("v", len(s.ops)), knew: c.ops}
	if d := s.do(l, &task{write: &engine.WriteRequest{Key: key, Value: []byte(op.value), Context: c.seen}}); d.err != nil {
		s.t.Fatal(d.err)
	}
	// The leader knows from now on that what the client saw is replaced, wherever it comes from.
	s.hear(l.e.node.Name, op.key, c.ops)
	s.acknowledge(l.e.node.Name, op)
	delete(s.clients, who)
}

// want is what the operations that a node has heard of make of a key: values and elements, sorted, or the total of a counter.
func (s *sim) want(heard []int, key string) (alive []string, total int64) {
	alive = []string{}
	for _, i := range heard {
		total += s.ops[i].n
		replaced := s.ops[i].remove
		for _, j := range heard {
			other := s.ops[j]
			replaced = replaced || slices.Contains(other.knew, i) && (key[:1] == spaceValue || other.value == s.ops[i].value && other.remove)
		}
		if !replaced {
			alive = union(alive, []string{s.ops[i].value})
		}
	}
	return alive, total
}

// wantFields is what the operations that a node has heard of make of a map.
func (s *sim) wantFields(heard []int) []engine.Field {
	ops := make([]operation, len(heard))
	knew := make([][]int, len(heard)) // by places in ops
	for n, i := range heard {
		ops[n] = s.ops[i]
		for _, k := range s.ops[i].knew {
			if at, ok := slices.BinarySearch(heard, k); ok {
				knew[n] = append(knew[n], at)
			}
		}
	}
	return fieldsByOperations(ops, knew)
}

// wrong is how a node differs from what the operations say of it, or nil.
func (s *sim) wrong(name string) error {
	for key, heard := range s.heard[name] {
		got := s.loops[name].e.get(key)
		alive, total := s.want(heard, key)
		switch {
		case s.conflicts == LastWriteWins:
		case key[:1] == spaceMap:
			if has, want := got.mapFields(), s.wantFields(heard); !reflect.DeepEqual(has, want) {
				return fmt.Errorf("%s: %s has %+v, and by what it has heard of it is %+v", name, key, has, want)
			}
		case key[:1] == spaceCounter && got.total() != total:
			return fmt.Errorf("%s: %s is %d, and what it has heard of adds up to %d", name, key, got.total(), total)
		case key[:1] != spaceCounter && !slices.Equal(got.Causal.values(), alive):
			return fmt.Errorf("%s: %s has %v, and by what it has heard of %v is alive", name, key, got.Causal.values(), alive)
		}
	}
	return nil
}

// settle delivers all until nobody has anything to say, with all connected; an error says how nodes then differ.
func (s *sim) settle() error {
	clear(s.held)
	for range 50 {
		for _, n := range s.names {
			for range unheard {
				s.loops[n].exchange()
			}
		}
		if s.quiet() {
			break
		}
		for range 200 {
			s.deliver()
		}
	}
	first := s.loops[s.names[0]]
	for _, n := range s.names[1:] {
		keys := map[string]bool{}
		for _, shown := range []map[string]state{first.e.shown, s.loops[n].e.shown} {
			for key := range shown {
				keys[key] = true
			}
		}
		for key := range keys {
			if a, b := first.e.shown[key], s.loops[n].e.shown[key]; !a.equal(b) {
				return fmt.Errorf("in the end %s and %s differ about %s: %+v, %+v", s.names[0], n, key, a, b)
			}
		}
	}
	return nil
}

// quiet tells whether nothing is on its way, and nobody has anything to send.
func (s *sim) quiet() bool {
	if len(s.late) > 0 {
		return false
	}
	for _, on := range s.links {
		if len(on) > 0 {
			return false
		}
	}
	for _, l := range s.loops {
		for _, p := range l.to {
			if !p.known || p.have < l.r.seq {
				return false
			}
		}
	}
	return true
}

// run is the first thing that is wrong, or nil.
func (s *sim) run(steps int) error {
	defer s.close()
	for range steps {
		s.step()
		for _, n := range s.names {
			if err := s.wrong(n); err != nil {
				return err
			}
		}
	}
	if err := s.settle(); err != nil {
		return err
	}
	// In the end every node is what all operations that were acknowledged anywhere make of it.
	for i, op := range s.ops {
		for _, n := range s.names {
			if !s.lost[i] {
				s.hear(n, op.key, []int{i})
			}
		}
	}
	for _, n := range s.names {
		if err := s.wrong(n); err != nil {
			return fmt.Errorf("in the end: %w", err)
		}
	}
	return nil
}

// Whatever is lost on the way, repeated, killed and bent: nodes are at each moment what the operations that they have heard of make
// them, they hear of all, and then they are alike.
func TestNodesAreWhatTheyHaveHeardOf(t *testing.T) {
	for _, tc := range []struct {
		nodes, regions int
	}{{2, 2}, {3, 3}, {4, 2}, {5, 3}, {3, 1}} {
		for _, conflicts := range []Conflicts{LastWriteWins, Siblings, CRDT} {
			acked, removed := 0, 0
			for seed := range uint64(16) {
				s := newSim(t, seed, tc.nodes, tc.regions, conflicts)
				s.loses, s.slow = seed%2 == 1, seed%4 > 1
				if err := s.run(400); err != nil {
					t.Fatalf("%d nodes in %d regions, %s, seed %d: %v", tc.nodes, tc.regions, conflicts, seed, err)
				}
				acked, removed = acked+s.acked, removed+s.removed
			}
			if acked < 50 || conflicts == CRDT && removed < 10 {
				t.Errorf("%d nodes in %d regions, %s: only %d operations and %d removals: nothing was tried", tc.nodes, tc.regions, conflicts, acked, removed)
			}
		}
	}
}

// The same search finds each defect, and with last-write-wins that what was acknowledged is lost.
func TestTheSimulationFinds(t *testing.T) {
	for name, conflicts := range map[string]Conflicts{
		"max-of-totals": CRDT, "remove-wins": CRDT, "drop-context": Siblings, "resurrect-removed": CRDT, "field-removal-wins": CRDT, "trust-delivery": LastWriteWins,
	} {
		found := error(nil)
		for seed := uint64(0); seed < 60 && found == nil; seed++ {
			s := newSim(t, seed, 3, 3, conflicts)
			must(t, s.defects.Replace([]string{name}))
			found = s.run(400)
		}
		if found == nil {
			t.Errorf("%s: nothing was found in 60 seeds", name)
		}
	}
}

// With last-write-wins two regions that increment at once lose one of the increments, with CRDTs none: the pair differs in the mode alone.
func TestWhatConflictsLose(t *testing.T) {
	for conflicts, want := range map[Conflicts]int64{LastWriteWins: 4, CRDT: 7} {
		s := newSim(t, 1, 2, 2, conflicts)
		for n, add := range map[string]int64{"n1": 3, "n2": 4} {
			s.skew[n] = time.Duration(add) * time.Second // n2 is later
			s.do(s.loops[n], &task{update: &engine.UpdateRequest{Type: engine.Counter, Key: "a", Add: add}})
		}
		must(t, s.settle())
		for _, n := range s.names {
			if got := s.loops[n].e.get(spaceCounter + "a").view(engine.Counter).Total; got != want {
				t.Errorf("%s: %s counts %d, want %d", conflicts, n, got, want)
			}
		}
		s.close()
	}
}

// A leader that comes back with an empty disk is a new replica: what it counted is not counted anew under the same name, and others
// send it all that they have, also what it had told them and nobody has changed since.
func TestAnEmptyDisk(t *testing.T) {
	for _, restarted := range []bool{false, true} { // the other leader, which reads from its disk whose changes it has
		s := newSim(t, 1, 2, 2, CRDT)
		count := func(n, key string, by int64) {
			s.do(s.loops[n], &task{update: &engine.UpdateRequest{Type: engine.Counter, Key: key, Add: by}})
		}
		count("n1", "a", 5)
		count("n1", "unchanged", 2)
		must(t, s.settle())
		if restarted {
			s.crash("n2")
		}
		s.lose("n1")
		must(t, s.settle()) // although n2 has nothing new to say
		count("n1", "a", 3)
		count("n2", "a", 1)
		if err := s.settle(); err != nil {
			t.Fatal(err)
		}
		for _, n := range s.names {
			for key, want := range map[string]int64{"a": 9, "unchanged": 2} {
				if got := s.loops[n].e.get(spaceCounter + key).total(); got != want {
					t.Errorf("other leader restarted: %v: %s counts %s to %d, want %d", restarted, n, key, got, want)
				}
			}
		}
		s.close()
	}
}

// What a leader leaves out because the other had sent it is not taken by that one when it has an empty disk since.
func TestChangesForADirectoryThatIsGone(t *testing.T) {
	s := newSim(t, 1, 2, 2, CRDT)
	defer s.close()
	must(t, s.settle())
	s.do(s.loops["n1"], &task{update: &engine.UpdateRequest{Type: engine.Counter, Key: "a", Add: 5}})
	s.loops["n1"].exchange()
	s.deliver()
	s.links[[2]string{"n2", "n1"}] = nil
	s.lose("n1")
	s.loops["n2"].exchange() // before it has heard of it
	if on := s.links[[2]string{"n2", "n1"}]; len(on) != 1 || len(on[0].m.Items) != 0 || on[0].m.Upto != 1 {
		t.Fatalf("n2 sends %+v, want its first change without what n1 has told it", on)
	}
	must(t, s.settle())
	if got := s.loops["n1"].e.get(spaceCounter + "a").total(); got != 5 {
		t.Errorf("n1 counts %d, want 5", got)
	}
}

// A context that claims writes of this replica which it never made is refused; one of another replica is believed.
func TestContexts(t *testing.T) {
	s := newSim(t, 1, 2, 2, Siblings)
	defer s.close()
	l := s.loops["n1"]
	for name, tc := range map[string]struct {
		context []byte
		refused bool
	}{
		"none":                     {nil, false},
		"another replica's":        {appendVector(nil, vector{"n2#x": 4}), false},
		"one's own, never made":    {appendVector(nil, vector{l.r.id(): 99}), true},
		"none at all":              {[]byte{9}, true},
		"one with something after": {append(appendVector(nil, vector{"n2#x": 4}), 1), true},
	} {
		d := s.do(l, &task{write: &engine.WriteRequest{Key: name, Value: []byte("v"), Context: tc.context}})
		if (d.err != nil) != tc.refused {
			t.Errorf("%s: %v", name, d.err)
		}
	}
}

func TestRegions(t *testing.T) {
	for _, tc := range []struct {
		nodes, regions int
		want           string
	}{{3, 2, "[[a b] [c]]"}, {4, 2, "[[a b] [c d]]"}, {5, 3, "[[a b] [c d] [e]]"}, {3, 3, "[[a] [b] [c]]"}, {3, 1, "[[a b c]]"}} {
		var got [][]string
		for _, r := range Regions([]string{"e", "d", "c", "b", "a"}[5-tc.nodes:], tc.regions) {
			got = append(got, r.Nodes)
		}
		if fmt.Sprint(got) != tc.want {
			t.Errorf("%d nodes in %d regions: %v, want %s", tc.nodes, tc.regions, got, tc.want)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Options{Regions: 2, Conflicts: CRDT, ExchangeInterval: time.Millisecond}
	must(t, good.Validate([]string{"a", "b"}))
	err := Options{Regions: 3, Conflicts: "paxos"}.Validate([]string{"a", "b"})
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 3 {
		t.Errorf("everything is wrong, and it says %v", err)
	}
}

// What a node said of the directory that it has lost since, and that comes after what it said of the new one, does not keep others from sending it what they have.
func TestALateAnswerFromADirectoryThatIsGone(t *testing.T) {
	for _, first := range []bool{false, true} { // it comes before the node was asked anew, or after its answer
		s := newSim(t, 1, 2, 2, CRDT)
		must(t, s.settle())
		s.do(s.loops["n1"], &task{update: &engine.UpdateRequest{Type: engine.Counter, Key: "a", Add: 5}})
		asked, answers := [2]string{"n1", "n2"}, [2]string{"n2", "n1"}
		next := func(link [2]string) {
			if len(s.links[link]) == 0 {
				t.Fatalf("nothing is on its way from %s", link[0])
			}
			sh := s.links[link][0]
			s.links[link] = s.links[link][1:]
			s.hand(link, sh)
		}
		s.loops["n1"].exchange()
		next(asked)
		if len(s.links[answers]) != 1 {
			t.Fatalf("n2 answers %+v", s.links[answers])
		}
		late := s.links[answers][0] // n2 has all
		s.links[answers] = nil
		s.lose("n2")
		s.loops["n2"].exchange()
		next(answers) // n2 has another directory
		next(asked)   // and hears where n1 is
		if !first {
			s.loops["n1"].exchange()
			next(asked)
			next(answers)
		}
		s.hand(answers, late)
		must(t, s.settle())
		if got := s.loops["n2"].e.get(spaceCounter + "a").total(); got != 5 {
			t.Errorf("before it was asked anew: %t: n2 counts %d, want 5", first, got)
		}
		s.close()
	}
}
