// Package frame is what connections between nodes, and between clients and nodes, consist of: frames with a number each, of which
// any number are on their way, so that what answers one need not come in any order. A Stream writes those that wait together.
package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Head is how many bytes stand before a frame's body: four of the length of what follows them, eight of its number, one of its kind.
const Head = 4 + 8 + 1

// withdrawn is the kind of frames that count for nothing: who queued one gave it up before it was written.
const withdrawn = 0xff

// ErrMalformed is under every error about what a frame is, as opposed to that of a connection.
var ErrMalformed = errors.New("malformed frame")

// Frame is a request or an answer. Its body is only valid until the next frame is read.
type Frame struct {
	ID   uint64
	Kind byte // below 255
	Body []byte
}

// Append appends the binary form of a frame, whose body is what body appends; none if that is nil.
func Append(b []byte, id uint64, kind byte, body func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, id)
	b = append(b, kind)
	if body != nil {
		b = body(b)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4)) //nolint:gosec // senders bound their bodies
	return b
}

// Withdrawn tells whether the frame counts for nothing.
func (f Frame) Withdrawn() bool { return f.Kind == withdrawn }

// Read is ReadOne of who waits for the next frame that counts, however many withdrawn ones come before it.
func Read(r *bufio.Reader, buf []byte, limit int) (Frame, []byte, error) {
	for {
		f, rest, err := ReadOne(r, buf, limit)
		if err != nil || !f.Withdrawn() {
			return f, rest, err
		}
		buf = rest
	}
}

// ReadOne reads the next frame, which may be a withdrawn one, into buf, growing it as needed, and returns the buffer for reuse. A body of more than limit bytes
// is malformed. It waits for no more than that frame: who has a deadline for it, or has others wait until it is read, needs that.
func ReadOne(r *bufio.Reader, buf []byte, limit int) (Frame, []byte, error) {
	head, err := r.Peek(Head)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, buf, err
	}
	n := int(binary.BigEndian.Uint32(head)) - (Head - 4)
	f := Frame{ID: binary.BigEndian.Uint64(head[4:]), Kind: head[12]}
	if n < 0 || n > limit {
		return Frame{}, buf, fmt.Errorf("%w: a body of %d bytes", ErrMalformed, n)
	}
	if _, err := r.Discard(Head); err != nil {
		return Frame{}, buf, err
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, buf, err
	}
	f.Body = buf
	return f, buf, nil
}

// Buffered tells whether the next frame, of up to limit bytes, has been received as a whole, so that ReadOne does not wait for it. It is true of what is malformed.
func Buffered(r *bufio.Reader, limit int) bool {
	if r.Buffered() < Head {
		return false
	}
	head, err := r.Peek(Head)
	if err != nil {
		return false
	}
	n := int(binary.BigEndian.Uint32(head)) - (Head - 4)
	return n < 0 || n > limit || r.Buffered() >= Head+n
}
