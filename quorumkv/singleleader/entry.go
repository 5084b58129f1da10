package singleleader

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// need says how many nodes must hold an entry before it counts.
type need byte

const (
	needMajority need = iota // of the entry with which a leader begins
	needLeader
	needAnyFollower
	needAll
	needs // how many there are
)

// entry is one place of the log: a write, or the mark with which a leader begins.
type entry struct {
	Epoch  uint64
	Need   need
	Mark   bool // it writes nothing
	Delete bool
	Leader string // that gave it its place, for the version
	Key    string
	Value  []byte
	// Request is the client's name of the write, empty if it gave none; Content identifies what else the request said.
	Request string
	Content uint64
}

// epochShift leaves room for 2^40 places of the log below the epoch in a version's number.
const epochShift = 40

// version is that of the write at a place of the log. The epoch is a part of it, because a place that was truncated is taken again.
func (e entry) version(index uint64) record.Version {
	return record.Version{Time: hlc.Timestamp(e.Epoch<<epochShift | index), Node: e.Leader}
}

func (e entry) record(index uint64) record.Record {
	r := record.Record{Version: e.version(index), Tombstone: e.Delete, Value: e.Value}
	if e.Delete {
		r.Value = nil
	}
	return r
}

var errMalformed = errors.New("malformed message")

const (
	flagMark = 1 << iota
	flagDelete
	flagsKnown = flagMark | flagDelete
)

func (e entry) appendTo(b []byte) []byte {
	var flags byte
	if e.Mark {
		flags |= flagMark
	}
	if e.Delete {
		flags |= flagDelete
	}
	b = append(b, flags, byte(e.Need))
	b = binary.AppendUvarint(b, e.Epoch)
	b = binary.AppendUvarint(b, e.Content)
	for _, s := range []string{e.Leader, e.Key, e.Request} {
		b = appendText(b, s)
	}
	return appendText(b, e.Value)
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cursor reads what append has written. Its first error stays, and everything after it reads as nothing.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", errMalformed, what)
	}
	c.b = nil
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.fail("it ends early")
		return 0
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cursor) number() uint64 {
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail("no number where one should be")
		return 0
	}
	c.b = c.b[n:]
	return x
}

// text is a copy of its own.
func (c *cursor) text() string {
	n := c.number()
	if n > uint64(len(c.b)) {
		c.fail("a text longer than the message")
		return ""
	}
	s := string(c.b[:n])
	c.b = c.b[n:]
	return s
}

func (c *cursor) entry() entry {
	flags, n := c.byte(), need(c.byte())
	if flags&^flagsKnown != 0 || n >= needs {
		c.fail("unknown flags of an entry")
	}
	e := entry{Need: n, Mark: flags&flagMark != 0, Delete: flags&flagDelete != 0, Epoch: c.number(), Content: c.number()}
	e.Leader, e.Key, e.Request = c.text(), c.text(), c.text()
	if v := c.text(); v != "" {
		e.Value = []byte(v)
	}
	return e
}

func parseEntry(b []byte) (entry, error) {
	c := cursor{b: b}
	e := c.entry()
	if c.err == nil && len(c.b) > 0 {
		c.fail("something follows")
	}
	return e, c.err
}
