package singleleader

import (
	"encoding/binary"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/wire"
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
		b = wire.AppendText(b, s)
	}
	return wire.AppendText(b, e.Value)
}

// cursor reads what append has written.
type cursor struct{ wire.Cursor }

func read(b []byte) cursor { return cursor{wire.NewCursor(b)} }

func (c *cursor) entry() entry {
	flags, n := c.Byte(), need(c.Byte())
	if flags&^flagsKnown != 0 || n >= needs {
		c.Fail("unknown flags of an entry")
	}
	e := entry{Need: n, Mark: flags&flagMark != 0, Delete: flags&flagDelete != 0, Epoch: c.Number(), Content: c.Number()}
	e.Leader, e.Key, e.Request = c.Text(), c.Text(), c.Text()
	e.Value = c.Bytes()
	return e
}

func parseEntry(b []byte) (entry, error) {
	c := read(b)
	e := c.entry()
	return e, c.End()
}
