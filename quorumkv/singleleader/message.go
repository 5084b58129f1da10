package singleleader

import (
	"encoding/binary"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
)

// kind is the first byte of what nodes send each other.
type kind byte

const (
	kindAppend   kind = iota + 1 // of the leader: entries, or none to be heard
	kindAppended                 // of a follower: what it has
	kindAsk                      // of who wants a new leader: how far is your log
	kindPosition                 // the answer
	kindRequest                  // a client's request on its way to the leader
	kindReply                    // its answer
	kinds                        // the first that is none
)

// message is what nodes send each other; which fields count depends on its kind.
type message struct {
	Kind  kind
	Epoch uint64 // of the sender, or that is asked for
	ID    uint64 // of an election or a request, echoed by the answer
	OK    bool
	// Index is the place before Entries; the last that a follower has; with a refusal the last that may agree.
	Index uint64
	At    uint64 // the epoch of the entry at Index; with a refusal of kindAppended the epoch that the follower is in
	// Commit is up to where entries count.
	Commit uint64
	// Stamp is the sender's clock (loop.stamp). Echo is one of the receiver's: in kindAppended that of the message which is answered, and in kindAppend
	// one up to which the leader vouches for what it says (vouching.vouched); 0 for none.
	Stamp   uint64
	Echo    uint64
	Entries []entry
	Body    []byte // of a request or a reply, in JSON

	from string // of the link, not of the message
}

func (m message) marshal() []byte {
	ok := byte(0)
	if m.OK {
		ok = 1
	}
	b := []byte{byte(m.Kind), ok}
	for _, n := range []uint64{m.Epoch, m.ID, m.Index, m.At, m.Commit, m.Stamp, m.Echo, uint64(len(m.Entries))} {
		b = binary.AppendUvarint(b, n)
	}
	for _, e := range m.Entries {
		b = e.appendTo(b)
	}
	return wire.AppendText(b, m.Body)
}

// parseMessage reads what marshal wrote. Nothing of the result lies in b.
func parseMessage(b []byte) (message, error) {
	c := read(b)
	m := message{Kind: kind(c.Byte())}
	ok := c.Byte()
	if m.Kind == 0 || m.Kind >= kinds || ok > 1 {
		c.Fail("unknown kind")
	}
	m.OK = ok == 1
	for _, n := range []*uint64{&m.Epoch, &m.ID, &m.Index, &m.At, &m.Commit, &m.Stamp, &m.Echo} {
		*n = c.Number()
	}
	c.Each(func() { m.Entries = append(m.Entries, c.entry()) })
	m.Body = c.Bytes()
	return m, c.End()
}
