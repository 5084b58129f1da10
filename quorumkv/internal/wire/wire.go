// Package wire writes and reads the binary form of what nodes send each other and keep on disk: bytes, numbers of
// variable length, and texts with their lengths before them.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is under every error of a Cursor.
var ErrMalformed = errors.New("malformed message")

// AppendText appends s with its length before it, as Text and Bytes read it.
func AppendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Cursor reads a message from front to end. Its first error stays, and everything after it reads as nothing, so that
// only the result of End needs to be looked at. Nothing that it returns lies in the message.
type Cursor struct {
	rest []byte
	err  error
}

// NewCursor returns a cursor at the front of b.
func NewCursor(b []byte) Cursor { return Cursor{rest: b} }

// Fail makes the message malformed because of reason, if it is not so already.
func (c *Cursor) Fail(reason string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrMalformed, reason)
	}
	c.rest = nil
}

// Byte reads one byte.
func (c *Cursor) Byte() byte {
	if len(c.rest) == 0 {
		c.Fail("it ends early")
		return 0
	}
	x := c.rest[0]
	c.rest = c.rest[1:]
	return x
}

// Number reads what binary.AppendUvarint wrote.
func (c *Cursor) Number() uint64 {
	x, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.Fail("no number where one should be")
		return 0
	}
	c.rest = c.rest[n:]
	return x
}

// Text reads what AppendText wrote.
func (c *Cursor) Text() string { return string(c.text()) }

// Bytes reads what AppendText wrote; nil if that is empty.
func (c *Cursor) Bytes() []byte { return append([]byte(nil), c.text()...) }

// text lies in the message.
func (c *Cursor) text() []byte {
	n := c.Number()
	if n > uint64(len(c.rest)) {
		c.Fail("a text longer than the message")
		return nil
	}
	s := c.rest[:n]
	c.rest = c.rest[n:]
	return s
}

// Rest reads all that is left; nil if that is nothing.
func (c *Cursor) Rest() []byte {
	b := append([]byte(nil), c.rest...)
	c.rest = nil
	return b
}

// Failed tells whether something was wrong, so that nothing more is to be read.
func (c *Cursor) Failed() bool { return c.err != nil }

// Each calls f as often as the next number says, until something is wrong.
func (c *Cursor) Each(f func()) {
	for n := c.Number(); n > 0 && c.err == nil; n-- {
		f()
	}
}

// End returns what was wrong: also that something follows what was read.
func (c *Cursor) End() error {
	if c.err == nil && len(c.rest) > 0 {
		c.Fail("something follows")
	}
	return c.err
}
