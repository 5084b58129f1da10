package multileader

import (
	"encoding/binary"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
)

// what is the first byte of what nodes send each other.
type what byte

const (
	whatChanges what = iota + 1 // of a leader: how keys are that have changed
	whatHave                    // the answer: up to where the node has the leader's changes
	whatRequest                 // a client's request on its way to the region's leader
	whatReply                   // its answer
	afterWhats
)

// item is how a key is.
type item struct {
	Key   string
	State state
}

// message is what nodes send each other; which fields count depends on What.
type message struct {
	What what
	ID   uint64 // of a request or of changes, echoed by the answer
	// Incarnation is the data directory of whose changes this is about: places of another's order mean nothing.
	Incarnation string
	// Receiver is the data directory of whoever receives changes: as the sender of changes has been told, empty if it has not been, and
	// as it is when that answers with have. What is left out of changes was once in that directory.
	Receiver    string
	After, Upto uint64 // of changes: the places in the leader's order that Items go through; of have: Upto alone
	Items       []item
	Body        []byte // of a request or a reply, in JSON

	from string // of the link, not of the message
}

func (m message) marshal() []byte {
	b := []byte{byte(m.What)}
	for _, n := range []uint64{m.ID, m.After, m.Upto} {
		b = binary.AppendUvarint(b, n)
	}
	b = wire.AppendText(wire.AppendText(b, m.Incarnation), m.Receiver)
	b = binary.AppendUvarint(b, uint64(len(m.Items)))
	for _, i := range m.Items {
		b = i.State.appendTo(wire.AppendText(b, i.Key))
	}
	return wire.AppendText(b, m.Body)
}

// parseMessage reads what marshal wrote. Nothing of the result lies in b.
func parseMessage(b []byte) (message, error) {
	c := read(b)
	m := message{What: what(c.Byte())}
	if m.What == 0 || m.What >= afterWhats {
		c.Fail("unknown kind")
	}
	m.ID, m.After, m.Upto = c.Number(), c.Number(), c.Number()
	m.Incarnation, m.Receiver = c.Text(), c.Text()
	c.Each(func() { m.Items = append(m.Items, item{c.Text(), c.state()}) })
	m.Body = c.Bytes()
	return m, c.End()
}
