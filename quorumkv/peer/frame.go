// Package peer carries requests between nodes: one connection for each direction of each pair,
// opened by an HTTP upgrade on the ordinary port, over which any number of requests are in flight.
//
// A connection on which nothing arrives for the peer timeout, although it is pinged, is closed, so that a
// partition never leaves a connection behind that TCP would revive only minutes later; a new one is
// dialled at once and then every few dozen milliseconds until the peer is back.
package peer

import (
	"encoding/binary"
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Protocol is the name in the HTTP upgrade; it changes with the frames.
const Protocol = "quorumkv-peer/5"

// op says what a request asks for.
type op byte

const (
	opPing op = iota
	opRead
	opVersion
	opApply
	opMessage // one way: its body is the engine's own, and there is no answer
	opList    // its body is a listing, see page.go
	opCall    // its body is the engine's own, and so is its answer's
)

// status says how a request went.
type status byte

const (
	statusOK         status = iota
	statusNotApplied        // refused before anything was done
	statusFailed            // an error on the way; an apply may have happened
	statusPage              // of opList: the body is a page
	statusStale             // refused before anything was done: the epoch is over; the body is the membership
	statusBody              // of opCall: the body is the engine's own
)

// MaxMessage is the most bytes of a message that Send takes. It bounds what one peer can make another allocate.
const MaxMessage = 2 << 20

// request is one about a key.
type request struct {
	op    op
	epoch uint64
	key   string
	rec   record.Record // of opApply
}

func (r *request) appendTo(b []byte) []byte { return appendRequest(b, r.op, r.epoch, r.key, r.rec) }

// appendRequest appends a request's body: the epoch, the key with its length before it, and for an apply the record.
func appendRequest(b []byte, o op, epoch uint64, key string, rec record.Record) []byte {
	b = binary.AppendUvarint(b, epoch)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	if o == opApply {
		b = rec.AppendTo(b)
	}
	return b
}

// parseRequest reads what appendRequest wrote. Nothing of the result lies in b.
func parseRequest(o op, b []byte) (epoch uint64, key string, rec record.Record, err error) {
	epoch, first := binary.Uvarint(b)
	if first <= 0 {
		return 0, "", rec, fmt.Errorf("%w: no epoch", frame.ErrMalformed)
	}
	b = b[first:]
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return 0, "", rec, fmt.Errorf("%w: a key longer than the request", frame.ErrMalformed)
	}
	b = b[used:]
	key, b = string(b[:n]), b[n:]
	switch o {
	case opApply:
		if rec, err = record.Parse(b); err != nil {
			return 0, "", rec, err
		}
		if rec.Version.IsZero() {
			return 0, "", rec, fmt.Errorf("%w: an apply without a version", frame.ErrMalformed)
		}
	case opPing, opRead, opVersion:
		if len(b) > 0 {
			return 0, "", rec, fmt.Errorf("%w: %d bytes after the key", frame.ErrMalformed, len(b))
		}
	default:
		return 0, "", rec, fmt.Errorf("%w: unknown operation %d", frame.ErrMalformed, o)
	}
	return epoch, key, rec, nil
}
