package history

import "math"

// What stands in the micro-operations of textWriter; see plainBegin.
const (
	plainFunc  = `{"f":"`
	plainRead  = `read","key":"`
	plainWrite = `write","key":"`
	plainArg   = `,"arg":`
	plainRet   = `,"ret":`
	plainEnd   = `]}`
)

// plainTxn reads micro-operations into r.txn, and what ends the operation behind them.
func (r *textReader) plainTxn(b []byte, at int) (end int) {
	i := at + len(plainTxn)
	if i > len(b) || string(b[at:i]) != plainTxn {
		return 0
	}
	r.txn.Reset()
	for at = i; ; at++ {
		if at = r.plainMop(b, at); at == 0 {
			return 0
		}
		if i = at + len(plainEnd); i <= len(b) && string(b[at:i]) == plainEnd {
			break
		}
		if at == len(b) || b[at] != ',' {
			return 0
		}
	}
	if len(r.txn.Mops) > math.MaxUint16 {
		return 0
	}
	return i
}

// plainMop reads one micro-operation into r.txn.
func (r *textReader) plainMop(b []byte, at int) (end int) {
	var m Mop
	if at = r.plainKey(&m, b, at); at == 0 {
		return 0
	}
	arg, told := false, false
	if i := at + len(plainArg); i <= len(b) && string(b[at:i]) == plainArg {
		if m.Arg, at = r.plainValue(b, i); at == 0 {
			return 0
		}
		arg = true
	}
	if i := at + len(plainRet); i <= len(b) && string(b[at:i]) == plainRet {
		if m.Ret, at = r.plainValue(b, i); at == 0 {
			return 0
		}
		told = true
	}
	if told {
		m.Flags = Observed
	}
	if at < len(b) && b[at] == '}' && m.Func <= Write && (arg || m.Func == Read) { // as most do
		r.txn.Mops = append(r.txn.Mops, m)
		return at + 1
	}
	return r.plainRest(&m, arg, told, b, at)
}

// plainKey reads the function and the key of m.
func (r *textReader) plainKey(m *Mop, b []byte, at int) (end int) {
	i := at + len(plainFunc)
	if i > len(b) || string(b[at:i]) != plainFunc {
		return 0
	}
	at = i
	if i = at + len(plainRead); i <= len(b) && string(b[at:i]) == plainRead {
		m.Func = Read
	} else if i = at + len(plainWrite); i <= len(b) && string(b[at:i]) == plainWrite {
		m.Func = Write
	} else {
		p := plainLine{b: b, at: at}
		f, known := parseFunc(p.text())
		p.must(`,"key":"`)
		if p.other || !known { // then what comes is no name of a key, and is not to become one
			return 0
		}
		m.Func, i = f, p.at
	}
	if r.named || i == len(b) || b[i] != 'k' {
		name, end := plainText(b, i)
		if end == 0 {
			return 0
		}
		k, named := r.keyOf(name)
		if !named {
			return 0
		}
		m.Key = k
		return end
	}
	n, end := plainNumber(b, i+1)
	if end == 0 || n < 0 || n > math.MaxInt32 || b[i+1] == '-' || end == len(b) || b[end] != '"' {
		return 0
	}
	m.Key = Key(n)
	return end + 1
}

// plainRest reads what m, which has an Arg or was told a value, has besides, and ends it.
func (r *textReader) plainRest(m *Mop, arg, told bool, b []byte, at int) (end int) {
	p := plainLine{b: b, at: at}
	expect := !told && p.has(`,"expect":`) // it stands before what was told
	if expect {
		m.Expect = p.value(r)
	}
	if !told && p.has(plainRet) {
		m.Ret = p.value(r)
		told = true
	}
	list := p.has(`,"list":[`)
	if list {
		p.list(r)
	}
	if p.has(`,"version":`) {
		m.Version = p.number()
		m.Flags |= Versioned
	}
	m.set(Predicate, p.has(`,"predicate":true`))
	m.set(Mismatched, p.has(`,"mismatched":true`))
	m.set(Owned, p.has(`,"owned":true`))
	m.set(Observed, told || list)
	p.must("}")
	if p.other || m.Func.takesArg() && !arg || m.Func == CAS && !expect || list && !m.Func.lists() {
		return 0
	}
	r.txn.Mops = append(r.txn.Mops, *m)
	if list {
		r.txn.SetList(len(r.txn.Mops)-1, r.list)
	}
	return p.at
}

// plainValue is an integer, null or a text.
func (r *textReader) plainValue(b []byte, at int) (v Value, end int) {
	if at == len(b) {
		return 0, 0
	}
	switch b[at] {
	case 'n':
		p := plainLine{b: b, at: at}
		p.must("null")
		return Absent, p.end()
	case '"':
		s, end := plainText(b, at+1)
		if end == 0 {
			return 0, 0
		}
		return r.b.text(s), end
	}
	n, end := plainNumber(b, at)
	return Value(n), end
}

func (p *plainLine) value(r *textReader) Value {
	if p.other {
		return 0
	}
	v, end := r.plainValue(p.b, p.at)
	p.at, p.other = end, end == 0
	return v
}

func (p *plainLine) number() int64 {
	if p.other {
		return 0
	}
	n, end := plainNumber(p.b, p.at)
	p.at, p.other = end, end == 0
	return n
}

// list reads the rest of a list into r.list.
func (p *plainLine) list(r *textReader) {
	r.list = r.list[:0]
	if p.has("]") {
		return
	}
	for !p.other {
		r.list = append(r.list, p.value(r))
		if !p.has(",") {
			break
		}
	}
	p.must("]")
}
