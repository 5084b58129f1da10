// Package gen makes small random transactional histories, legal and illegal,
// for differential tests.
package gen

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Config bounds a history. The zero value of a field means none of that.
type Config struct {
	Txns, Sessions, Keys, Mops int
	// Lists are append-only lists instead of registers; Mixed takes both.
	Lists, Mixed bool
	// Clockless histories have every stamp at 0.
	Clockless bool
	// ReadFirst transactions read a register before they write it.
	ReadFirst bool
	// Calm histories have no random damage, so that many are legal.
	Calm bool
	// Values bounds how many values a register is written with, so that some are
	// written several times; 0 means that every value is written once.
	Values int
	// Deletes are some of the writes of registers. CAS are some of them too: they
	// expect what the transaction would have read.
	Deletes, CAS bool
	// Zero is what registers have in the beginning, instead of nothing.
	Zero bool
	// Own transactions read a list after they appended to it, and often find their
	// own elements before others', or alone.
	Own bool
}

type version struct {
	value history.Value
	// at is the number of the transaction that installed it.
	at int
}

type sim struct {
	cfg      Config
	rng      *rand.Rand
	versions [][]version
	all      [][]history.Value // every value ever written to a key
	next     history.Value
	initial  history.Value
	b        *history.Builder
}

// History makes the history of seed. It is the same for the same arguments.
func History(seed uint64, cfg Config) (*history.History, error) {
	s := &sim{cfg: cfg, rng: rand.New(rand.NewPCG(seed, 0x1a95e))}
	s.initial = history.Absent
	if cfg.Zero {
		s.initial = 0
	}
	s.b = history.NewBuilder(history.Header{Source: "generated", Initial: s.initial})
	s.versions = make([][]version, cfg.Keys)
	s.all = make([][]history.Value, cfg.Keys)
	for k := range cfg.Keys {
		s.b.Key(fmt.Sprintf("k%d", k))
	}
	lag := s.rng.IntN(4)
	free := make([]history.Time, cfg.Sessions)
	process := make([]int32, cfg.Sessions)
	for i := range process {
		process[i] = int32(i)
	}
	fresh := int32(cfg.Sessions)
	for i := range cfg.Txns {
		sess := s.rng.IntN(cfg.Sessions)
		op := history.Op{Process: process[sess], Session: int32(sess), Error: -1, Note: -1, Node: -1, Outcome: history.OK}
		commit := history.Time(10 * i)
		op.Invoke = max(free[sess], commit-history.Time(s.rng.IntN(30)), 0)
		op.Complete = max(op.Invoke, commit) + history.Time(s.rng.IntN(25))
		if !cfg.Calm || s.rng.IntN(4) == 0 {
			switch s.rng.IntN(12) {
			case 0:
				op.Outcome = history.Fail
			case 1, 2:
				op.Outcome = history.Info
			}
		}
		if cfg.Clockless {
			op.Invoke, op.Complete = 0, 0
		}
		free[sess] = op.Complete
		if op.Outcome == history.Info {
			op.Complete = history.Never
			process[sess] = fresh
			fresh++
		}
		var txn history.Txn
		s.transaction(i, lag, op.Outcome, &txn)
		s.b.Add(op, &txn)
	}
	return s.b.History()
}

func (s *sim) isList(k int) bool {
	if s.cfg.Mixed {
		return k%2 == 0
	}
	return s.cfg.Lists
}

// transaction executes one transaction on the versions as they were lag
// transactions ago or less, and installs its own at once.
func (s *sim) transaction(i, lag int, outcome history.Outcome, txn *history.Txn) {
	snapshot := i
	if lag > 0 {
		snapshot = i - s.rng.IntN(lag+1)
	}
	own := map[int][]history.Value{}
	read := map[int]bool{}
	n := 1 + s.rng.IntN(s.cfg.Mops)
	for range n {
		k := s.rng.IntN(s.cfg.Keys)
		at := snapshot
		if !s.cfg.Calm && s.rng.IntN(6) == 0 {
			at = s.rng.IntN(i + 1)
		}
		write := s.rng.IntN(2) == 0
		if s.cfg.Own && len(own[k]) > 0 {
			write = s.rng.IntN(4) == 0
		}
		if write && s.cfg.ReadFirst && !read[k] {
			s.read(k, at, own, outcome, txn)
			read[k] = true
		}
		if write {
			m := s.write(k, at, own)
			txn.Mops = append(txn.Mops, m)
			own[k] = append(own[k], m.Arg)
			s.all[k] = append(s.all[k], m.Arg)
			continue
		}
		s.read(k, at, own, outcome, txn)
		read[k] = true
	}
	installs := outcome == history.OK || outcome == history.Info && s.rng.IntN(2) == 0 ||
		outcome == history.Fail && !s.cfg.Calm && s.rng.IntN(4) == 0
	if !installs {
		return
	}
	for k := range s.cfg.Keys {
		vs := own[k]
		if !s.isList(k) && len(vs) > 0 {
			vs = vs[len(vs)-1:]
		}
		for _, v := range vs {
			s.versions[k] = append(s.versions[k], version{v, i})
		}
	}
}

// write is a write to key k by a transaction that sees what was there before at.
func (s *sim) write(k, at int, own map[int][]history.Value) history.Mop {
	s.next++
	m := history.Mop{Func: history.Write, Key: history.Key(k), Arg: s.next}
	switch {
	case s.isList(k):
		m.Func = history.Append
		return m
	case s.cfg.Deletes && s.rng.IntN(3) == 0:
		m.Func, m.Arg = history.Delete, history.Absent
		return m
	}
	if s.cfg.Values > 0 {
		m.Arg = history.Value(1 + s.rng.IntN(s.cfg.Values))
	}
	if s.cfg.CAS && s.rng.IntN(3) == 0 {
		if v := s.sees(k, at, own); v != history.Absent || s.rng.IntN(4) == 0 {
			m.Func, m.Expect = history.CAS, v
		}
	}
	return m
}

// sees is the value of register k for a transaction that sees what was there before
// at, and its own writes.
func (s *sim) sees(k, at int, own map[int][]history.Value) history.Value {
	if len(own[k]) > 0 {
		return own[k][len(own[k])-1]
	}
	v := s.initial
	for _, x := range s.versions[k] {
		if x.at < at {
			v = x.value
		}
	}
	return v
}

func (s *sim) read(k, at int, own map[int][]history.Value, outcome history.Outcome, txn *history.Txn) {
	seen := outcome == history.OK || outcome == history.Info && s.rng.IntN(2) == 0
	i := len(txn.Mops)
	f := history.Read
	if s.isList(k) {
		f = history.ReadList
	}
	txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: history.Key(k), Ret: history.Absent})
	if !seen {
		return
	}
	damage := !s.cfg.Calm && s.rng.IntN(25) == 0
	var list []history.Value
	for _, v := range s.versions[k] {
		if v.at < at {
			list = append(list, v.value)
		}
	}
	if s.isList(k) {
		if s.cfg.Own && len(own[k]) > 0 && s.rng.IntN(3) == 0 {
			// Somewhere else than at the end: what stands behind came later.
			at := s.rng.IntN(len(list) + 1)
			list = append(slices.Clone(list[:at]), append(slices.Clone(own[k]), list[at:]...)...)
			if s.rng.IntN(3) == 0 {
				list = list[:at+len(own[k])]
			}
		} else {
			list = append(list, own[k]...)
		}
		if damage && len(list) > 0 {
			switch j := s.rng.IntN(len(list)); s.rng.IntN(3) {
			case 0:
				list = list[:j]
			case 1:
				list = append(append([]history.Value(nil), list[:j]...), list[j+1:]...)
			case 2:
				list[j], list[0] = list[0], list[j]
			}
		}
		txn.SetList(i, list)
		return
	}
	v := s.sees(k, at, own)
	if damage {
		switch s.rng.IntN(3) {
		case 0:
			v = history.Absent
		case 1:
			v = s.next + 1 + history.Value(s.rng.IntN(3))
		default:
			if len(s.all[k]) > 0 {
				v = s.all[k][s.rng.IntN(len(s.all[k]))]
			}
		}
	}
	txn.SetRead(i, v)
}
