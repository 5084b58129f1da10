package formats

// jepsenStyle is what must be known of a whole Jepsen history before its
// operations can be understood, because :read and :add mean different things in
// different workloads.
type jepsenStyle struct {
	// independent: values are [key value] tuples.
	independent bool
	// transfers: a bank; reads are maps from account to balance.
	transfers bool
	// sets: :add adds an element; otherwise it increments a counter.
	sets bool
	// adds: there is an :add at all.
	adds bool
	// appends: plain :append and :read are of a list.
	appends bool
	// lists are the keys of transactions that hold lists, as written; registers
	// are those that are written as a whole. A key that is neither was read
	// only, and nil says nothing: then it goes with listTxns.
	lists, registers map[string]bool
	listTxns         bool
	// maxProcess is the highest process number.
	maxProcess int64
}

func scanStyle(in *input, src termSource) (*jepsenStyle, error) {
	s := &jepsenStyle{lists: map[string]bool{}, registers: map[string]bool{}}
	// A 2-vector may be a tuple [key value] or a value itself, so that every
	// plain operation must agree before the history counts as independent.
	tuples, others := 0, 0
	collections := 0
	see := func(isTuple bool) {
		if isTuple {
			tuples++
		} else {
			others++
		}
	}
	err := src(func(t *term) error {
		op, err := parseJepsenOp(in, t)
		if err != nil {
			return err
		}
		if op.nemesis {
			return nil
		}
		s.maxProcess = max(s.maxProcess, op.process)
		v := op.value
		isPair := v.kind == termList && len(v.kids) == 2
		switch op.f {
		case "txn":
			s.scanTxn(v)
		case "cas":
			if op.typ == jInvoke {
				see(isPair && v.kids[1].kind == termList)
			}
		case "write", "add", "remove", "increment", "enqueue", "append":
			if op.f == "add" || op.f == "increment" {
				s.adds = true
			}
			if op.f == "remove" {
				s.sets = true
			}
			if op.f == "append" {
				s.appends = true
			}
			if op.typ == jInvoke {
				see(isPair)
			}
		case "dequeue", "generate", "acquire", "release", "delete":
			if op.typ == jInvoke {
				see(isPair && v.kids[1].isNil())
			}
		case "read":
			if op.typ == jInvoke && v.kind == termList {
				see(isPair && v.kids[1].isNil())
			}
			if op.typ == jInvoke && v.isNil() {
				others++
			}
			if op.typ == jOK && v.kind == termMap {
				s.transfers = true // of a bank in which nothing was moved
			}
			if op.typ == jOK {
				c := v
				if isPair {
					// Either the value of an independent read or a list of two.
					c = &v.kids[1]
				}
				if c.kind == termSet || c.kind == termList || (v.kind == termList && !isPair) || v.kind == termSet {
					collections++
				}
			}
		case "transfer":
			s.transfers = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.independent = tuples > 0 && others == 0
	if s.adds && collections > 0 {
		s.sets = true
	}
	return s, nil
}

func (s *jepsenStyle) scanTxn(v *term) {
	if v.kind != termList {
		return
	}
	for i := range v.kids {
		m := &v.kids[i]
		if m.kind != termList || len(m.kids) < 3 {
			continue
		}
		switch f, _ := m.kids[0].word(); {
		case f == "append":
			s.listTxns = true
			mark(s.lists, &m.kids[1])
		case (f == "r" || f == "read") && m.kids[2].kind == termList:
			mark(s.lists, &m.kids[1])
		case (f == "r" || f == "read") && m.kids[2].isNil():
		default:
			mark(s.registers, &m.kids[1])
		}
	}
}

func mark(keys map[string]bool, k *term) {
	name := keyText(k)
	if !keys[name] {
		keys[name] = true
	}
}

// isList tells whether the reads of k are of lists.
func (s *jepsenStyle) isList(k *term) bool {
	name := keyText(k)
	return s.lists[name] || s.listTxns && !s.registers[name]
}

// keyText is the name of a key: strings stand without their quotes.
func keyText(k *term) string {
	if k.kind == termString {
		return k.text
	}
	return k.String()
}
