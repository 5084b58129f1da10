package consensus

import (
	"bytes"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/lapse-test/lapse/quorumkv/internal/group"
)

// kind is the first byte of what nodes send each other.
type kind byte

const (
	kindRaft        kind = iota + 1 // a message of the raft library
	kindLeaseAsk                    // the name of a batch of reads
	kindLeaseAnswer                 // the name, and what is committed if there is a lease
)

// message is what a peer sent.
type message struct {
	kind kind
	from string
	raft *raftpb.Message // of kindRaft
	body []byte          // of the others
}

// send queues a message for a node; an error says that it is lost.
func (e *Engine) send(to uint64, k kind, body []byte) error {
	return e.Links.Send(e.names[to], append([]byte{byte(k)}, body...))
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
		if err := proto.Unmarshal(b[1:], m.raft); err != nil {
			e.node.Logger.Warn("malformed message", "from", from, "error", err)
			return
		}
		if m.raft.GetFrom() != e.ids[from] || m.raft.GetTo() != e.ids[e.node.Name] {
			e.node.Logger.Warn("message of another sender or for another node", "from", from)
			return
		}
	case kindLeaseAsk, kindLeaseAnswer:
		m.body = bytes.Clone(b[1:])
	default:
		return
	}
	group.Put(e.Group, e.messages, m)
}
