package register

// A compare-and-set puts a value there only if the one that it expected was there
// before. So what a key can ever hold grows from its initial value and from plain
// writes, by compare-and-sets of what it can hold already. What does not grow from
// there nobody can have written, though operations name it: a compare-and-set of a
// value that nobody wrote, and compare-and-sets in a ring, each of which was built on
// another one's value.

// ground holds the memory that settle reuses from key to key.
type ground struct {
	held  []bool  // by value: the key can hold it
	first []int32 // by value: a compare-and-set that expects it, -1 if none
	next  []int32 // by position: another one that expects the same, -1 if none
	stack []int32
}

// settle tells apart what can have been there. A compare-and-set that was answered
// although its condition can never have been true gets Unknown for what it saw, and
// what it installed counts as there. Those without an answer never happened: gone are
// their indexes in History.Ops.
func (k *Key) settle() (gone []int32) {
	if k.Concats > 0 {
		return nil
	}
	chained := 0
	for i := range k.Ops {
		if k.Ops[i].Kind == CAS {
			chained++
		}
	}
	if chained == 0 {
		return nil
	}
	g := &k.ground
	g.reset(len(k.Values), len(k.Ops))
	for i := range k.Ops {
		op := &k.Ops[i]
		switch {
		case op.Kind == CAS && op.Exp >= 0:
			g.next[i], g.first[op.Exp] = g.first[op.Exp], int32(i)
		case op.Kind == Write, op.Kind == CAS && !op.Info():
			g.add(op.Val)
		}
	}
	g.add(Initial)
	g.grow(k)
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Kind == CAS && !op.Info() && op.Exp >= 0 && !g.held[op.Exp] {
			op.Exp = Unknown
			g.stack = append(g.stack, op.Val) // only now, so that all of a ring are found
		}
	}
	for _, v := range g.stack {
		g.held[v] = true
	}
	g.grow(k)
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Kind == CAS && op.Info() && (op.Exp < 0 || !g.held[op.Exp]) {
			gone = append(gone, op.At)
		}
	}
	return gone
}

func (g *ground) reset(values, ops int) {
	g.held = append(g.held[:0], make([]bool, values)...)
	g.first = grow(g.first, values)[:values]
	g.next = grow(g.next, ops)[:ops]
	for v := range g.first {
		g.first[v] = -1
	}
	g.stack = g.stack[:0]
}

// add says that the key can hold v.
func (g *ground) add(v int32) {
	if !g.held[v] {
		g.held[v] = true
		g.stack = append(g.stack, v)
	}
}

// grow follows the compare-and-sets of what was added.
func (g *ground) grow(k *Key) {
	for len(g.stack) > 0 {
		v := g.stack[len(g.stack)-1]
		g.stack = g.stack[:len(g.stack)-1]
		for i := g.first[v]; i >= 0; i = g.next[i] {
			g.add(k.Ops[i].Val)
		}
	}
}

// without is at without gone; both ascend.
func without(at, gone []int32) []int32 {
	out := make([]int32, 0, len(at)-len(gone))
	for _, a := range at {
		if len(gone) > 0 && gone[0] == a {
			gone = gone[1:]
			continue
		}
		out = append(out, a)
	}
	return out
}
