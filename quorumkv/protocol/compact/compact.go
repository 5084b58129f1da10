// Package compact is the binary form of the requests that clients ask most: reads and writes of one key. It says what HTTP says with the same fields, so that
// who serves it decides nothing of its own. Requests and answers are frames (package frame) over one connection, which begins as an HTTP upgrade
// at Path: any number of requests are on their way, and an answer has the number of its request.
package compact

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
)

const (
	// Protocol is the name in the HTTP upgrade; it changes with the frames.
	Protocol = "quorumkv-client/1"
	// Path is where a node accepts clients that speak it.
	Path = "/client"
	// MaxRequest is the most bytes of a request that a node reads. What is larger is asked for by HTTP, which refuses it with its own words.
	MaxRequest = 2 << 20
)

// Op is what a frame of a client asks for.
type Op byte

// The operations. Zero is none.
const (
	Get Op = iota + 1
	Put
	Delete
	// Cancel gives up the request whose number it has. It has no body and no answer of its own; the request may still be answered.
	Cancel
)

// Kind is what a frame of a node is.
type Kind byte

// The kinds. Zero is none.
const (
	Found   Kind = iota + 1 // answers Get
	Written                 // answers Put and Delete
	Failed                  // answers any of them
	// Ends has the number 0: it says why the node closes the connection.
	Ends
)

// Request is one for a key. Its fields are those of /kv/{key} in HTTP; empty is what is left out there.
type Request struct {
	Op     Op
	Tenant string
	Key    string
	Level  string // r of Get, w of the others
	// WriteLevel is w of Get.
	WriteLevel string
	Write      // zero for Get
}

// Write is what a request for a write has beyond those for reads.
type Write struct {
	Value []byte
	// Absent and Number are the write's condition: If-None-Match: * and If-Match. At most one is set.
	Absent  bool
	Number  int64
	Name    string // Quorumkv-Request
	Context []byte // Quorumkv-Context
}

// Of is the condition's header; empty if there is none.
func (w Write) Of() string {
	switch {
	case w.Absent:
		return "If-None-Match"
	case w.Number != 0:
		return "If-Match"
	}
	return ""
}

// AppendTo appends the body of the request's frame, whose kind is Op.
func (r *Request) AppendTo(b []byte) []byte {
	b = wire.AppendText(wire.AppendText(wire.AppendText(b, r.Tenant), r.Key), r.Level)
	if r.Op == Get {
		return wire.AppendText(b, r.WriteLevel)
	}
	condition := uint64(r.Number) << 1 //nolint:gosec // a number is positive
	if r.Absent {
		condition = 1
	}
	b = binary.AppendUvarint(b, condition)
	return wire.AppendText(wire.AppendText(wire.AppendText(b, r.Name), r.Context), r.Value)
}

// ParseRequest reads what AppendTo wrote. Nothing of the result lies in b.
func ParseRequest(op Op, b []byte) (Request, error) {
	c := wire.NewCursor(b)
	r := Request{Op: op, Tenant: c.Text(), Key: c.Text(), Level: c.Text()}
	switch op {
	case Get:
		r.WriteLevel = c.Text()
	case Put, Delete:
		condition := c.Number()
		r.Absent, r.Number = condition == 1, int64(condition>>1) //nolint:gosec // half of a uint64
		if condition&1 == 1 && !r.Absent {
			c.Fail("a condition that is none")
		}
		r.Name, r.Context, r.Value = c.Text(), c.Bytes(), c.Bytes()
	default:
		return r, fmt.Errorf("%w: unknown operation %d", wire.ErrMalformed, op)
	}
	return r, c.End()
}

// Answer is that to a read or a write, as the engine gave it.
type Answer struct {
	Record      record.Record // of a write its version alone
	Level       int           // r or w
	Nodes       []string      // that answered a read, or acknowledged a write
	Repaired    []string
	Siblings    [][]byte
	Context     []byte
	Coordinator string
}

// AppendFound appends the body of Found.
func (a *Answer) AppendFound(b []byte) []byte {
	b = appendNames(a.append(b), a.Repaired)
	b = wire.AppendText(b, a.Context)
	b = binary.AppendUvarint(b, uint64(len(a.Siblings)))
	for _, s := range a.Siblings {
		b = wire.AppendText(b, s)
	}
	return append(b, a.Record.Value...)
}

// AppendWritten appends the body of Written.
func (a *Answer) AppendWritten(b []byte) []byte { return a.append(b) }

func (a *Answer) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(a.Record.Version.Time)) //nolint:gosec // it is positive
	b = wire.AppendText(b, a.Record.Version.Node)
	b = binary.AppendUvarint(b, uint64(a.Level)) //nolint:gosec // it is positive
	b = wire.AppendText(b, a.Coordinator)
	return appendNames(b, a.Nodes)
}

// appendNames appends a list, and whether there is none.
func appendNames(b []byte, names []string) []byte {
	if names == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(names))+1)
	for _, n := range names {
		b = wire.AppendText(b, n)
	}
	return b
}

func readNames(c *wire.Cursor) []string {
	n := c.Number()
	if n == 0 {
		return nil
	}
	names := []string{}
	for ; n > 1 && !c.Failed(); n-- {
		names = append(names, c.Text())
	}
	return names
}

func readAnswer(c *wire.Cursor) (a Answer) {
	time := c.Number()
	if time > uint64(hlc.Max) {
		c.Fail("a timestamp that is out of range")
	}
	a.Record.Version = record.Version{Time: hlc.Timestamp(time), Node: c.Text()} //nolint:gosec // bounded above
	a.Level = int(c.Number() & 0xffff)                                           //nolint:gosec // bounded
	a.Coordinator = c.Text()
	a.Nodes = readNames(c)
	return a
}

// ParseWritten reads the body of Written that answers a request for key.
func ParseWritten(key string, b []byte) (protocol.Written, error) {
	c := wire.NewCursor(b)
	a := readAnswer(&c)
	return protocol.Written{Key: key, Version: protocol.NewVersion(a.Record.Version), W: a.Level, Acked: a.Nodes, Coordinator: a.Coordinator}, c.End()
}

// ParseFound reads the body of Found that answers a request for key. Nothing of the result lies in b.
func ParseFound(key string, b []byte) (*protocol.Value, error) {
	c := wire.NewCursor(b)
	a := readAnswer(&c)
	a.Repaired = readNames(&c)
	a.Context = c.Bytes()
	c.Each(func() { a.Siblings = append(a.Siblings, append([]byte{}, c.Bytes()...)) })
	a.Record.Value = c.Rest()
	return a.Value(key), c.End()
}

// Value is what a client is told of a read.
func (a *Answer) Value(key string) *protocol.Value {
	v := protocol.ValueOf(key, a.Record)
	v.R, v.Answered, v.Repaired, v.Coordinator = a.Level, a.Nodes, a.Repaired, a.Coordinator
	v.Siblings, v.Context = a.Siblings, a.Context
	return &v
}

// AppendFailed appends the body of Failed and of Ends: the status that HTTP would have, and the failure.
func AppendFailed(b []byte, status int, f protocol.Failure) ([]byte, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return b, fmt.Errorf("encode a failure: %w", err)
	}
	return append(binary.AppendUvarint(b, uint64(status)), text...), nil //nolint:gosec // a status is positive
}

// ParseFailed reads what AppendFailed wrote.
func ParseFailed(b []byte) (status int, f protocol.Failure, err error) {
	c := wire.NewCursor(b)
	n := c.Number()
	if n < 300 || n > 599 {
		c.Fail("a status that is none of a failure")
	}
	text := c.Rest()
	if err := c.End(); err != nil {
		return 0, f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return 0, f, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	return int(n), f, nil //nolint:gosec // bounded above
}
