package drivers

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/drivers/bounds"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Protocol is the version of the messages.
const Protocol = 1

// The kinds of message. In order: the coordinator greets, the driver asks to join, and is
// welcomed or refused. It gets its job when the database is there, and is ready, or gives up. Then
// clients are opened, asked and closed, while the driver's clock is read, until the end, or until
// either leaves.
const (
	kindHello   = "hello"
	kindJoin    = "join"
	kindWelcome = "welcome"
	kindRefused = "refused"
	kindJob     = "job"
	kindReady   = "ready"
	kindGiveUp  = "give-up"
	kindOpen    = "open"
	kindOpened  = "opened"
	kindDo      = "do"
	kindDone    = "done"
	kindClose   = "close"
	kindPing    = "ping"
	kindPong    = "pong"
	kindEnd     = "end"
	kindLeave   = "leave"
)

// message is one message; which fields it has, its kind says.
type message struct {
	Kind string `json:"kind"`

	// Greetings.
	Lapse    string `json:"lapse,omitempty"`
	Protocol int    `json:"protocol,omitempty"`
	Name     string `json:"name,omitempty"`
	Nonce    []byte `json:"nonce,omitempty"`
	Proof    []byte `json:"proof,omitempty"`
	// Reason is why something is refused, given up or went wrong.
	Reason string `json:"reason,omitempty"`
	Job    *Job   `json:"job,omitempty"`

	// Client is the number of the client that is opened, asked or closed.
	Client  int64        `json:"client,omitempty"`
	Session *sessionWire `json:"session,omitempty"`
	// At is the node that is asked, and Asked what for.
	At    int     `json:"at,omitempty"`
	Asked []asked `json:"asked,omitempty"`
	Seen  *seen   `json:"seen,omitempty"`
	// Stamp is what the driver's clock shows.
	Stamp bounds.Stamp `json:"stamp,omitempty"`
}

// Job is what a driver works on.
type Job struct {
	// Run is the run's identifier, Plan its plan as it is stored, At the address of each node.
	Run  string          `json:"run"`
	Plan json.RawMessage `json:"plan"`
	At   []string        `json:"at"`
	// Deadline is that of each operation.
	Deadline time.Duration `json:"deadline"`
}

// sessionWire is a targets.Session.
type sessionWire struct {
	ID      int32        `json:"id"`
	Home    int          `json:"home"`
	Roam    bool         `json:"roam,omitempty"`
	Replica bool         `json:"replica,omitempty"`
	Carried *carriedWire `json:"carried,omitempty"`
}

// carriedWire is a targets.Carried. The time of a write is told as how long ago it was, so that no
// clock is compared with another; what the message takes makes it seem later than it was, which
// a session that reads at a primary for a while after its writes may well think.
type carriedWire struct {
	Token string        `json:"token,omitempty"`
	Wrote bool          `json:"wrote,omitempty"`
	Ago   time.Duration `json:"ago,omitempty"`
}

func packCarried(c targets.Carried) *carriedWire {
	if c.IsZero() {
		return nil
	}
	w := &carriedWire{Token: c.Token}
	if !c.LastWrite.IsZero() {
		w.Wrote, w.Ago = true, max(0, time.Since(c.LastWrite))
	}
	return w
}

func (w *carriedWire) unpack() (c targets.Carried) {
	if w == nil {
		return c
	}
	c.Token = w.Token
	if w.Wrote {
		c.LastWrite = time.Now().Add(-max(0, w.Ago))
	}
	return c
}

// asked is a micro-operation as it is asked for.
type asked struct {
	Func   history.Func     `json:"f"`
	Flags  history.MopFlags `json:"l,omitempty"`
	Key    history.Key      `json:"k"`
	Arg    history.Value    `json:"a,omitempty"`
	Expect history.Value    `json:"e,omitempty"`
}

func packTxn(txn *history.Txn) []asked {
	out := make([]asked, len(txn.Mops))
	for i := range txn.Mops {
		m := &txn.Mops[i]
		out[i] = asked{m.Func, m.Flags, m.Key, m.Arg, m.Expect}
	}
	return out
}

func unpackTxn(list []asked, txn *history.Txn) {
	txn.Reset()
	for _, a := range list {
		txn.Mops = append(txn.Mops, history.Mop{Func: a.Func, Flags: a.Flags, Key: a.Key, Arg: a.Arg, Expect: a.Expect})
	}
}

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
	// Texts are the texts that values stand for.
	Texts   map[int]string `json:"texts,omitempty"`
	Carried *carriedWire   `json:"carried,omitempty"`
}

// mopSeen is what a micro-operation saw.
type mopSeen struct {
	Flags   history.MopFlags `json:"l,omitempty"`
	Arg     history.Value    `json:"a,omitempty"`
	Ret     history.Value    `json:"r,omitempty"`
	Version int64            `json:"v,omitempty"`
	List    []history.Value  `json:"s,omitempty"`
}

// longestText bounds the text of one value, error or note.
const longestText = 64 << 10

func cut(s string) string { return s[:min(len(s), longestText)] }

// packSeen is what txn saw; text is the text that a value stands for.
func packSeen(txn *history.Txn, res targets.Result, text func(history.Value) (int, string, bool)) *seen {
	s := &seen{Outcome: res.Outcome, Node: res.Node, Note: cut(res.Note), Broken: res.Broken, Mops: make([]mopSeen, len(txn.Mops))}
	if res.Err != nil {
		s.Error = cut(res.Err.Error())
	}
	note := func(v history.Value) {
		if i, t, ok := text(v); ok {
			if s.Texts == nil {
				s.Texts = map[int]string{}
			}
			s.Texts[i] = cut(t)
		}
	}
	for i := range txn.Mops {
		m := &txn.Mops[i]
		s.Mops[i] = mopSeen{Flags: m.Flags, Arg: m.Arg, Ret: m.Ret, Version: m.Version, List: txn.List(i)}
		note(m.Ret)
		for _, v := range s.Mops[i].List {
			note(v)
		}
	}
	return s
}

// unpack fills txn, which was asked for, with what was seen. What cannot be seen of it is an
// error, and nothing is filled in.
func (s *seen) unpack(txn *history.Txn, nodes int, intern func(string) history.Value) (targets.Result, error) {
	res := targets.Result{Outcome: s.Outcome, Node: s.Node, Note: s.Note, Broken: s.Broken}
	if s.Error != "" {
		res.Err = errors.New(s.Error)
	}
	switch {
	case s.Outcome > history.Fail:
		return res, fmt.Errorf("the unknown outcome %d", s.Outcome)
	case s.Node < -1 || s.Node >= nodes:
		return res, fmt.Errorf("node %d of %d", s.Node, nodes)
	case len(s.Mops) != len(txn.Mops):
		return res, fmt.Errorf("%d micro-operations of %d", len(s.Mops), len(txn.Mops))
	}
	lost := false
	value := func(v history.Value) history.Value {
		i, ok := v.TextIndex()
		if !ok {
			return v
		}
		text, told := s.Texts[i]
		lost = lost || !told
		return intern(text)
	}
	for i := range s.Mops {
		m := &txn.Mops[i]
		if !m.Func.Installs() {
			m.Arg = s.Mops[i].Arg
		}
		s.Mops[i].Flags &= history.Observed | history.Versioned | history.Predicate | history.Mismatched | history.Owned
		m.Flags, m.Version = s.Mops[i].Flags, s.Mops[i].Version
		m.Ret = value(s.Mops[i].Ret)
		if list := s.Mops[i].List; len(list) > 0 {
			for j := range list {
				list[j] = value(list[j])
			}
			txn.SetList(i, list)
			m.Flags = s.Mops[i].Flags
		}
	}
	if lost {
		return res, errors.New("a value stands for a text that was not told")
	}
	return res, nil
}
