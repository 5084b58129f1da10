package drivers

import (
	"encoding/json"
	"time"

	"github.com/lapse-test/lapse/drivers/bounds"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// Protocol is the version of the messages.
const Protocol = 2

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

	// Client is the number of the client that is opened, asked or closed, and Number counts what it was asked,
	// from 1: an answer has that of its question.
	Client  int64        `json:"client,omitempty"`
	Number  int64        `json:"number,omitempty"`
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
	// Late says that the run's load is on, so that faults may keep nodes from showing what they are.
	Late bool `json:"late,omitempty"`
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
