package consensus

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/lapse-test/lapse/quorumkv/internal/forward"
	"github.com/lapse-test/lapse/quorumkv/internal/group"
)

// kind is the first byte of what nodes send each other.
type kind byte

const (
	kindRaft        kind = iota + 1 // a message of the raft library
	kindLeaseAsk                    // the name of a batch of reads
	kindLeaseAnswer                 // the name, and what is committed if there is a lease
	kindVerdict                     // that the node it is for takes part no more, and why
	kindRequest                     // a client's request, or what nodes ask each other
	kindReply                       // to one
	kindIntroduce                   // the sender's identity, that the receiver is to know
	kindKnown                       // the receiver's identity, which the sender knows
	kindJoins                       // the receiver's identity, of which the sender, which was started to join, does not say whether it knows it
)

// message is what a peer sent.
type message struct {
	kind kind
	from string
	raft *raftpb.Message // of kindRaft
	disk uint64          // of kindRaft: the sender's directory
	mine uint64          // of kindRaft: what the sender takes for this node's directory; 0 if it does not know
	body []byte          // of the others
}

// sendTo queues a message for a node; an error says that it is lost.
func (e *Engine) sendTo(node string, k kind, body []byte) error {
	return e.deliver(node, append([]byte{byte(k)}, body...))
}

// sendParcel is sendTo of what crosses a link for somebody who waits.
func (e *Engine) sendParcel(to string, p forward.Parcel) error {
	return e.sendTo(to, forward.Kind(p, kindRequest, kindReply), append(binary.BigEndian.AppendUint64(nil, p.ID), p.Body...))
}

// receive takes a message from a link. One for which there is no room is lost, as it might have been on the way.
func (e *Engine) receive(from string, b []byte) {
	if len(b) == 0 {
		return
	}
	m := message{kind: kind(b[0]), from: from}
	switch m.kind {
	case kindRaft:
		m.raft = &raftpb.Message{}
		// Nothing of the result lies in b: the fields of bytes are copied.
		var err error
		if m.disk, m.mine, b, err = addressed(b[1:]); err == nil {
			err = proto.Unmarshal(b, m.raft)
		}
		if err != nil {
			e.node.Logger.Warn("malformed message", "from", from, "error", err)
			return
		}
		if place(m.raft.GetFrom()) != e.places[from] || place(m.raft.GetTo()) != e.places[e.node.Name] {
			e.node.Logger.Warn("message of another sender or for another node", "from", from)
			return
		}
	case kindRequest, kindReply:
		const idSize = 8
		if len(b) < 1+idSize {
			return
		}
		p := forward.Parcel{Reply: m.kind == kindReply, ID: binary.BigEndian.Uint64(b[1:]), Body: bytes.Clone(b[1+idSize:])}
		if !e.desk.Take(&e.Background, from, p) {
			e.Drop()
		}
		return
	case kindLeaseAsk, kindLeaseAnswer, kindVerdict, kindIntroduce, kindKnown, kindJoins:
		m.body = bytes.Clone(b[1:])
	default:
		return
	}
	group.Put(e.Group, e.messages, m)
}
