package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// command is what a log entry holds: one write, under a name of its own.
type command struct {
	// ID names the request. However often it stands in the log, it is applied once.
	ID string
	// Base is what its proposer had applied when it first proposed it. An entry that comes more than sessionWindow
	// entries later is not applied: by then its name may be forgotten.
	Base   uint64
	Node   string // the proposer, for the version
	Key    string
	Value  []byte
	Delete bool
	If     *engine.Condition
	Call   bool // Value is for the group's procedure, and nothing is written under Key
}

var errMalformed = errors.New("malformed command")

const (
	flagDelete = 1 << iota
	flagIfAbsent
	flagIfNumber
	flagCall
	flagsKnown = flagDelete | flagIfAbsent | flagIfNumber | flagCall
)

// content identifies what is written, whoever proposes it and when: two requests of one name must agree in it. It is the sum of what marshal gives without what differs.
func (c command) content() uint64 {
	var d xxhash.Digest
	d.Reset()
	value := c.Value
	c.ID, c.Base, c.Node, c.Value = "", 0, "", nil
	var head [128]byte
	_, _ = d.Write(c.appendTo(head[:0])) // never fails
	_, _ = d.Write(value)
	return d.Sum64()
}

func (c command) marshal() []byte {
	return c.appendTo(make([]byte, 0, 32+len(c.ID)+len(c.Node)+len(c.Key)+len(c.Value)))
}

func (c command) appendTo(b []byte) []byte {
	var flags byte
	number := int64(0)
	if c.Delete {
		flags |= flagDelete
	}
	if c.Call {
		flags |= flagCall
	}
	if c.If != nil && c.If.Absent {
		flags |= flagIfAbsent
	} else if c.If != nil {
		flags |= flagIfNumber
		number = c.If.Number
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, c.Base)
	b = binary.AppendVarint(b, number)
	for _, s := range [...]string{c.ID, c.Node, c.Key} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, c.Value...)
}

// parseCommand reads what marshal wrote. The value lies in b.
func parseCommand(b []byte) (command, error) {
	var c command
	if len(b) == 0 || b[0]&^flagsKnown != 0 {
		return c, fmt.Errorf("%w: unknown flags", errMalformed)
	}
	flags := b[0]
	b = b[1:]
	base, n := binary.Uvarint(b)
	if n <= 0 {
		return c, fmt.Errorf("%w: no base", errMalformed)
	}
	b = b[n:]
	number, n := binary.Varint(b)
	if n <= 0 {
		return c, fmt.Errorf("%w: no number", errMalformed)
	}
	b = b[n:]
	for _, s := range [...]*string{&c.ID, &c.Node, &c.Key} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return c, fmt.Errorf("%w: a text longer than the command", errMalformed)
		}
		*s = string(b[n : n+int(size)])
		b = b[n+int(size):]
	}
	c.Base, c.Delete, c.Call, c.Value = base, flags&flagDelete != 0, flags&flagCall != 0, b
	switch {
	case flags&flagIfAbsent != 0 && flags&flagIfNumber != 0:
		return c, fmt.Errorf("%w: two conditions", errMalformed)
	case flags&flagIfAbsent != 0:
		c.If = &engine.Condition{Absent: true}
	case flags&flagIfNumber != 0:
		c.If = &engine.Condition{Number: number}
	}
	return c, nil
}
