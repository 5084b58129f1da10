package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Builder makes a History out of operations in any order: importers, readers
// and tests use it. Not safe for concurrent use.
type Builder struct {
	h        History
	strings  map[string]int32
	texts    map[string]int
	keys     map[string]Key
	nodes    map[string]int16
	levels   map[string]uint8
	faults   map[int]int
	begun    int // micro-operations of AddMop that have no operation yet
	deferred error
}

// NewBuilder starts a history with header.
func NewBuilder(header Header) *Builder {
	b := &Builder{
		h:       History{Header: header},
		strings: map[string]int32{},
		texts:   map[string]int{},
		keys:    map[string]Key{},
		nodes:   map[string]int16{},
		levels:  map[string]uint8{},
		faults:  map[int]int{},
	}
	b.h.Header.Nodes = slices.Clone(header.Nodes)
	b.h.Header.Levels = slices.Clone(header.Levels)
	if len(b.h.Header.Levels) == 0 {
		b.h.Header.Levels = []string{""}
	}
	for i, n := range b.h.Header.Nodes {
		b.nodes[n] = int16(i)
	}
	for i, l := range b.h.Header.Levels {
		b.levels[l] = uint8(i)
	}
	return b
}

// Grow makes room for n further operations of mops micro-operations in all.
func (b *Builder) Grow(n, mops int) {
	b.h.Ops = withRoom(b.h.Ops, n)
	b.h.mops = withRoom(b.h.mops, mops)
}

// Expect makes room for the rest when share of the whole, of more than 0 and at most 1,
// has been added. A wrong share costs memory until History is called, or time.
func (b *Builder) Expect(share float64) {
	if share <= 0 || share >= 1 {
		return
	}
	rest := func(n int) int { return int(float64(n) * (1/share - 1) * 1.04) } // trim lets the rest pass
	b.h.Ops = withRoom(b.h.Ops, rest(len(b.h.Ops)))
	b.h.mops = withRoom(b.h.mops, rest(len(b.h.mops)))
	b.h.lists = withRoom(b.h.lists, rest(len(b.h.lists)))
}

// withRoom is s with room for n more elements. slices.Grow clears the room, and so takes
// the memory of what never comes, too.
func withRoom[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return append(make([]T, 0, len(s)+n), s...)
}

// String interns s and returns what Op.Error and Op.Note hold; -1 for "". Texts
// from outside are not trusted: control characters become spaces, and long ones
// are cut.
func (b *Builder) String(s string) int32 {
	s = cleanText(s, maxProseLen)
	if s == "" {
		return -1
	}
	if i, ok := b.strings[s]; ok {
		return i
	}
	s = strings.Clone(s) // it may be a part of a whole file
	i := int32(len(b.h.Strings))
	b.h.Strings = append(b.h.Strings, s)
	b.strings[s] = i
	return i
}

// Text interns a value that is no integer.
func (b *Builder) Text(s string) Value {
	i, ok := b.texts[s]
	if !ok {
		s = strings.Clone(s)
		i = len(b.h.Texts)
		b.h.Texts = append(b.h.Texts, s)
		b.texts[s] = i
	}
	return TextValue(i)
}

// Key interns the name of a key.
func (b *Builder) Key(name string) Key {
	if k, ok := b.keys[name]; ok {
		return k
	}
	name = strings.Clone(name)
	k := Key(len(b.h.KeyNames))
	b.h.KeyNames = append(b.h.KeyNames, cleanName(name))
	b.keys[name] = k
	return k
}

// Node interns the name of a node; -1 for "".
func (b *Builder) Node(name string) int16 {
	if name == "" {
		return -1
	}
	if n, ok := b.nodes[name]; ok {
		return n
	}
	name = strings.Clone(name)
	n := int16(len(b.h.Header.Nodes))
	b.h.Header.Nodes = append(b.h.Header.Nodes, cleanName(name))
	b.nodes[name] = n
	return n
}

// Level interns a consistency level.
func (b *Builder) Level(name string) uint8 {
	if name == "" && b.h.Header.Levels[0] == "" {
		return 0
	}
	if l, ok := b.levels[name]; ok {
		return l
	}
	if len(b.h.Header.Levels) > math.MaxUint8 {
		b.fail(fmt.Errorf("more than %d consistency levels", math.MaxUint8))
		return 0
	}
	name = strings.Clone(name)
	l := uint8(len(b.h.Header.Levels))
	b.h.Header.Levels = append(b.h.Header.Levels, cleanName(name))
	b.levels[name] = l
	return l
}

// Add takes an operation with the micro-operations of txn, which are copied.
func (b *Builder) Add(op Op, txn *Txn) {
	if len(txn.Mops) > math.MaxUint16 {
		b.fail(tooManyMops(len(txn.Mops)))
		return
	}
	if uint64(len(b.h.mops))+uint64(len(txn.Mops)) > math.MaxUint32 || uint64(len(b.h.lists))+uint64(len(txn.lists)) > math.MaxUint32 {
		b.fail(errTooLarge)
		return
	}
	all := batch{b.h.Ops, b.h.mops, b.h.lists}
	all.add(op, txn.Mops, txn.lists)
	b.h.Ops, b.h.mops, b.h.lists = all.ops, all.mops, all.lists
}

// AddPlain is Add for an operation with the one micro-operation m that returns
// no list.
func (b *Builder) AddPlain(op Op, m Mop) { b.addPlain(&op, &m) }

// addPlain is AddPlain without copies of op and m on the way, where both change.
func (b *Builder) addPlain(op *Op, m *Mop) {
	op.mopAt, op.mopLen = uint32(len(b.h.mops)), 1
	m.listAt, m.listLen = 0, 0
	b.h.mops = append(b.h.mops, *m)
	b.h.Ops = append(b.h.Ops, *op)
}

// AddMop begins an operation that EndOp adds, or goes on with it: m, which returns no list, is its next
// micro-operation. Nothing else is added in between.
func (b *Builder) AddMop(m Mop) {
	m.listAt, m.listLen = 0, 0
	b.h.mops = append(b.h.mops, m)
	b.begun++
}

// EndOp adds op with the micro-operations of AddMop; without any there is none.
func (b *Builder) EndOp(op Op) {
	n := b.begun
	b.begun = 0
	at := len(b.h.mops) - n
	switch {
	case n == 0:
		return
	case n > math.MaxUint16:
		b.fail(tooManyMops(n))
	case uint64(len(b.h.mops)) > math.MaxUint32:
		b.fail(errTooLarge)
	}
	op.mopAt, op.mopLen = uint32(at), uint16(n)
	b.h.Ops = append(b.h.Ops, op)
}

func tooManyMops(n int) error {
	return fmt.Errorf("a transaction of %d micro-operations: at most %d are allowed", n, math.MaxUint16)
}

var errTooLarge = fmt.Errorf("more than %d micro-operations or list elements in one history", uint32(math.MaxUint32))

// AddFault takes a copy of a fault window. A later one with the same ID, if that is not 0,
// replaces it.
func (b *Builder) AddFault(f Fault) {
	f = cleanFault(f)
	f.Kind, f.Name, f.Error = strings.Clone(f.Kind), strings.Clone(f.Name), strings.Clone(f.Error)
	for _, texts := range append([][]string{f.Nodes, f.Cuts, f.Proof}, f.Groups...) {
		for i := range texts {
			texts[i] = strings.Clone(texts[i])
		}
	}
	b.h.addFault(f, b.faults)
}

// AddEvent takes a copy of an event.
func (b *Builder) AddEvent(e Event) {
	e = cleanEvent(e)
	e.Kind, e.Text = strings.Clone(e.Kind), strings.Clone(e.Text)
	b.h.Events = append(b.h.Events, e)
}

// addFault adds f or replaces the fault with its ID; seen is where it stands.
func (h *History) addFault(f Fault, seen map[int]int) {
	if at, ok := seen[f.ID]; ok && f.ID != 0 {
		h.Faults[at] = f
		return
	}
	seen[f.ID] = len(h.Faults)
	h.Faults = append(h.Faults, f)
}

func (b *Builder) fail(err error) {
	if b.deferred == nil {
		b.deferred = err
	}
}

// History sorts the operations by invocation, checks the invariants
// (History.Validate) and returns the history. The builder must not be used
// afterwards.
func (b *Builder) History() (*History, error) {
	if b.deferred != nil {
		return nil, b.deferred
	}
	h := b.h
	b.h = History{}
	if err := h.Header.check(); err != nil {
		return nil, err
	}
	h.dropLoose()
	if err := h.finish(); err != nil {
		return nil, err
	}
	return &h, nil
}

// HistoryOf is History with the names of h, which the operations that were added use: they
// are operations of h, or of a history that has its names.
func (b *Builder) HistoryOf(h *History) (*History, error) {
	b.h.Strings, b.h.Texts, b.h.KeyNames = h.Strings, h.Texts, h.KeyNames
	return b.History()
}

// dropLoose makes indexes that point to nothing say so, which is how
// History.String, NodeName and LevelName read them.
func (h *History) dropLoose() {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Error < 0 || int(op.Error) >= len(h.Strings) {
			op.Error = -1
		}
		if op.Note < 0 || int(op.Note) >= len(h.Strings) {
			op.Note = -1
		}
		if op.Node < 0 || int(op.Node) >= len(h.Header.Nodes) {
			op.Node = -1
		}
		if int(op.ReadLevel) >= len(h.Header.Levels) {
			op.ReadLevel = 0
		}
		if int(op.WriteLevel) >= len(h.Header.Levels) {
			op.WriteLevel = 0
		}
	}
}

// finish puts everything in order, gives back memory that was kept for more, and
// checks the invariants.
func (h *History) finish() error {
	if !byProcess(h.Ops) && !byInsertion(h.Ops) {
		var order opSorter
		order.sort(h.Ops)
	}
	h.sortRest()
	h.Ops = trim(h.Ops)
	h.mops = trim(h.mops)
	h.lists = trim(h.lists)
	return h.Validate()
}

// sortRest sorts what stands beside the operations.
func (h *History) sortRest() {
	slices.SortStableFunc(h.Faults, func(x, y Fault) int {
		return cmp.Or(cmp.Compare(x.Injected, y.Injected), cmp.Compare(x.ID, y.ID))
	})
	slices.SortStableFunc(h.Events, func(x, y Event) int { return cmp.Compare(x.At, y.At) })
}

// trim copies s if much of its memory is not in use. A little is left, since there is s twice
// while it is copied.
func trim[T any](s []T) []T {
	if cap(s)-len(s) > len(s)/8+64 {
		return append(make([]T, 0, len(s)), s...)
	}
	return s
}

// Renumber replaces the process and the session of every operation that was added.
func (b *Builder) Renumber(number func(int32) int32) {
	for i := range b.h.Ops {
		op := &b.h.Ops[i]
		op.Process, op.Session = number(op.Process), number(op.Session)
	}
}
