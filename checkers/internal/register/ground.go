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
	if k.CASes == 0 || k.Concats > 0 || k.ground.ordinary(k) {
		return nil
	}
	return k.ground.settle(k)
}

func (g *ground) settle(k *Key) (gone []int32) {
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

// ordinary tells that every compare-and-set can have been there, as in nearly all
// histories. The value that one expects was mostly installed by an operation that
// comes before it; the few that ran beside their writer are looked at again.
func (g *ground) ordinary(k *Key) bool {
	g.held = append(g.held[:0], make([]bool, len(k.Values))...)
	g.held[Initial] = true
	early := g.stack[:0]
	for i := range k.Ops {
		switch op := &k.Ops[i]; {
		case op.Kind == Write:
			g.held[op.Val] = true
		case op.Kind != CAS:
		case op.Exp < 0:
			return false
		case g.held[op.Exp]:
			g.held[op.Val] = true
		default:
			early = append(early, int32(i))
		}
	}
	g.stack = early[:0]
	for range 4 {
		left := early[:0]
		for _, i := range early {
			if op := &k.Ops[i]; g.held[op.Exp] {
				g.held[op.Val] = true
			} else {
				left = append(left, i)
			}
		}
		if early = left; len(early) == 0 {
			return true
		}
	}
	return false
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
