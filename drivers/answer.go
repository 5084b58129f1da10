package drivers

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/drivers/bounds"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// seen is how an operation ended.
type seen struct {
	Outcome history.Outcome `json:"outcome,omitempty"`
	Error   string          `json:"error,omitempty"`
	Node    int             `json:"node"`
	Note    string          `json:"note,omitempty"`
	Broken  bool            `json:"broken,omitempty"`
	// Began and Ended are what the driver's clock showed as the last act before the request
	// left, and as the first one after the answer came.
	Began bounds.Stamp `json:"began"`
	Ended bounds.Stamp `json:"ended"`
	Mops  []mopSeen    `json:"mops"`
	// Texts are the texts that values stand for, as bytes: they need not be UTF-8.
	Texts   map[int][]byte `json:"texts,omitempty"`
	Carried *carriedWire   `json:"carried,omitempty"`
	// Counted is what the driver's part of the system has counted since it told that last.
	Counted []int64 `json:"counted,omitempty"`
}

// mopSeen is what a micro-operation saw.
type mopSeen struct {
	Flags   history.MopFlags `json:"l,omitempty"`
	Ret     history.Value    `json:"r,omitempty"`
	Version int64            `json:"v,omitempty"`
	List    []history.Value  `json:"s,omitempty"`
}

// packSeen is what txn saw; text is the text that a value stands for.
func packSeen(txn *history.Txn, res targets.Result, text func(history.Value) (int, string, bool)) *seen {
	s := &seen{Outcome: res.Outcome, Node: res.Node, Note: history.Brief(res.Note), Broken: res.Broken, Mops: make([]mopSeen, len(txn.Mops))}
	if res.Err != nil {
		s.Error = history.Brief(res.Err.Error())
	}
	note := func(v history.Value) {
		if i, t, ok := text(v); ok {
			if s.Texts == nil {
				s.Texts = map[int][]byte{}
			}
			s.Texts[i] = []byte(history.ShortText(t))
		}
	}
	for i := range txn.Mops {
		m := &txn.Mops[i]
		s.Mops[i] = mopSeen{Flags: m.Flags, Ret: m.Ret, Version: m.Version, List: txn.List(i)}
		note(m.Ret)
		for _, v := range s.Mops[i].List {
			note(v)
		}
	}
	return s
}

// check refuses what cannot be the end of asked. That is all that a driver's answer is asked: what passes can be
// recorded.
func (s *seen) check(asked *history.Txn, nodes int) error {
	switch {
	case s.Outcome > history.Fail:
		return fmt.Errorf("the unknown outcome %d", s.Outcome)
	case s.Node < -1 || s.Node >= nodes:
		return fmt.Errorf("node %d of %d", s.Node, nodes)
	case s.Ended < s.Began:
		return errors.New("an end before its beginning")
	case len(s.Mops) != len(asked.Mops):
		return fmt.Errorf("%d micro-operations of %d", len(s.Mops), len(asked.Mops))
	}
	for i := range s.Mops {
		for _, v := range append([]history.Value{s.Mops[i].Ret}, s.Mops[i].List...) {
			if n, ok := v.TextIndex(); ok {
				if _, told := s.Texts[n]; !told {
					return errors.New("a value that stands for a text, and the text was not told")
				}
			}
		}
	}
	for _, n := range s.Counted {
		if n < 0 || n > maxCounted {
			return fmt.Errorf("a count of %d", n)
		}
	}
	if s.Carried != nil && len(s.Carried.Token) > maxToken {
		return fmt.Errorf("%d bytes to carry: at most %d are taken", len(s.Carried.Token), maxToken)
	}
	return history.CheckAnswer(asked, s.answer(asked, func(v history.Value) history.Value { return v }), s.Outcome)
}

const (
	// maxCounted bounds what one operation counts.
	maxCounted = 1 << 32
	// maxToken bounds what a session carries.
	maxToken = 64 << 10
)

// answer is asked with what was seen of it, each value as value has it.
func (s *seen) answer(asked *history.Txn, value func(history.Value) history.Value) *history.Txn {
	var out history.Txn
	out.Mops = append(out.Mops, asked.Mops...)
	for i := range s.Mops {
		was := &s.Mops[i]
		if len(was.List) > 0 {
			list := make([]history.Value, len(was.List))
			for j := range list {
				list[j] = value(was.List[j])
			}
			out.SetList(i, list)
		}
		m := &out.Mops[i]
		m.Flags, m.Version, m.Ret = was.Flags, was.Version, value(was.Ret)
	}
	return &out
}

// unpack fills txn, which was asked for, with what was seen, and has count add what was counted, which is false if it
// cannot be. What cannot be seen of it is an error, and nothing is filled in or counted then: what a refused answer says
// was seen would be evidence in a history.
func (s *seen) unpack(txn *history.Txn, nodes int, intern func(string) history.Value, count func([]int64) bool) (targets.Result, error) {
	if err := s.check(txn, nodes); err != nil {
		return targets.Result{}, err
	}
	if len(s.Counted) > 0 && !count(s.Counted) {
		return targets.Result{}, errors.New("counts of what the run does not count")
	}
	*txn = *s.answer(txn, func(v history.Value) history.Value {
		if i, ok := v.TextIndex(); ok {
			return intern(string(s.Texts[i]))
		}
		return v
	})
	res := targets.Result{Outcome: s.Outcome, Node: s.Node, Note: s.Note, Broken: s.Broken}
	if s.Error != "" {
		res.Err = errors.New(history.Brief(s.Error))
	}
	return res, nil
}
