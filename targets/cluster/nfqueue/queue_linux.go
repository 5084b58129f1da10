// Package nfqueue is the reading end of a queue that firewall rules hand packets to
// (nfnetlink_queue of the Linux kernel): it learns of each and says when it may go on, or
// that it is lost. The packets themselves stay in the kernel.
package nfqueue

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What linux/netfilter/nfnetlink_queue.h has, and Go's packages have not.
const (
	subsystem = 3 // NFNL_SUBSYS_QUEUE

	msgPacket  = 0 // NFQNL_MSG_PACKET
	msgVerdict = 1 // NFQNL_MSG_VERDICT
	msgConfig  = 2 // NFQNL_MSG_CONFIG

	cfgCommand  = 1 // NFQA_CFG_CMD
	cfgParams   = 2 // NFQA_CFG_PARAMS
	cfgLongest  = 3 // NFQA_CFG_QUEUE_MAXLEN
	cfgMask     = 4 // NFQA_CFG_MASK
	cfgFlags    = 5 // NFQA_CFG_FLAGS
	bind        = 1 // NFQNL_CFG_CMD_BIND
	copyPacket  = 2 // NFQNL_COPY_PACKET
	flagsFailed = 1 // NFQA_CFG_F_FAIL_OPEN

	packetHeader  = 1  // NFQA_PACKET_HDR
	verdictHeader = 2  // NFQA_VERDICT_HDR
	payload       = 10 // NFQA_PAYLOAD

	verdictDrop   = 0 // NF_DROP
	verdictAccept = 1 // NF_ACCEPT
)

// longest is how many packets a queue holds; what is more passes at once.
const longest = 1 << 14

// HeaderSize is how much of a packet is seen: the fixed part of an IPv4 header.
const HeaderSize = 20

// Packet is one that waits for its verdict.
type Packet struct {
	// ID names it in the queue.
	ID uint32
	// Header is the beginning of it, HeaderSize bytes where it has so many.
	Header []byte
}

// Queue is the only reader of one queue. It is safe for concurrent use.
type Queue struct {
	conn   *netlink.Conn
	number uint16
}

// Open begins to read the queue of that number in the network namespace behind nsFD (0 is
// that of this process). What is in it when it is closed is lost, and what comes then
// passes.
func Open(nsFD int, number uint16) (*Queue, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: nsFD})
	if err != nil {
		return nil, fmt.Errorf("opening netfilter's netlink socket: %w", err)
	}
	q := &Queue{conn: conn, number: number}
	if err := q.configure(); err != nil {
		_ = conn.Close() // it is of no use
		return nil, fmt.Errorf("opening the packet queue %d: %w", number, err)
	}
	return q, nil
}

func (q *Queue) configure() error {
	be32 := binary.BigEndian.AppendUint32
	for _, attrs := range [][]netlink.Attribute{
		{{Type: cfgCommand, Data: []byte{bind, 0, 0, unix.AF_INET}}},
		{{Type: cfgParams, Data: append(be32(nil, HeaderSize), copyPacket)}},
		{{Type: cfgLongest, Data: be32(nil, longest)}},
		{{Type: cfgMask, Data: be32(nil, flagsFailed)}, {Type: cfgFlags, Data: be32(nil, flagsFailed)}},
	} {
		m, err := q.message(msgConfig, netlink.Request|netlink.Acknowledge, attrs)
		if err != nil {
			return err
		}
		if _, err := q.conn.Execute(m); err != nil {
			return err
		}
	}
	// More than the usual buffer is for those who are in a hurry, and may be refused.
	_ = q.conn.SetReadBuffer(4 << 20)
	return q.conn.SetOption(netlink.NoENOBUFS, true)
}

// message is one to the queue; what comes before the attributes is struct nfgenmsg.
func (q *Queue) message(kind uint16, flags netlink.HeaderFlags, attrs []netlink.Attribute) (netlink.Message, error) {
	b, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return netlink.Message{}, err
	}
	head := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, 0}, q.number)
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(subsystem<<8 | kind), Flags: flags},
		Data:   append(head, b...),
	}, nil
}

// Receive waits for packets, and may return none. After Close it fails.
func (q *Queue) Receive() ([]Packet, error) {
	msgs, err := q.conn.Receive()
	if errors.Is(err, unix.ENOENT) {
		// The answer to a verdict: the kernel has lost the packet, as it does with all of a
		// namespace's queues whenever a chain of its firewall goes.
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the packet queue %d: %w", q.number, err)
	}
	var out []Packet
	for _, m := range msgs {
		if m.Header.Type != subsystem<<8|msgPacket || len(m.Data) < 4 {
			continue
		}
		p, err := parse(m.Data[4:])
		if err != nil {
			return nil, fmt.Errorf("reading the packet queue %d: %w", q.number, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func parse(b []byte) (Packet, error) {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return Packet{}, err
	}
	var p Packet
	for d.Next() {
		switch d.Type() {
		case packetHeader:
			if b := d.Bytes(); len(b) >= 4 {
				p.ID = binary.BigEndian.Uint32(b)
			}
		case payload:
			p.Header = d.Bytes()
		}
	}
	return p, d.Err()
}

// Accept lets packets go on.
func (q *Queue) Accept(ids ...uint32) error { return q.verdict(verdictAccept, ids) }

// Drop loses packets.
func (q *Queue) Drop(ids ...uint32) error { return q.verdict(verdictDrop, ids) }

// verdict is not acknowledged: that there is no such packet any more is no error. All go in
// one system call.
func (q *Queue) verdict(verdict uint32, ids []uint32) error {
	msgs := make([]netlink.Message, len(ids))
	for i, id := range ids {
		data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, verdict), id)
		m, err := q.message(msgVerdict, netlink.Request, []netlink.Attribute{{Type: verdictHeader, Data: data}})
		if err != nil {
			return err
		}
		msgs[i] = m
	}
	if _, err := q.conn.SendMessages(msgs); err != nil {
		return fmt.Errorf("answering the packet queue %d: %w", q.number, err)
	}
	return nil
}

// Close ends the reading.
func (q *Queue) Close() error { return q.conn.Close() }
