// Package record holds what a replica stores under a key, and the one total order in which the
// last write wins.
package record

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/hlc"
)

// MaxNodeName bounds the length of a node's name in bytes.
const MaxNodeName = 64

// Version names a write: when it was stamped, and by which coordinator. The zero Version means
// that nothing was ever written.
type Version struct {
	Time hlc.Timestamp
	Node string
}

// IsZero reports whether v is the version of a key that was never written.
func (v Version) IsZero() bool { return v.Time == 0 }

// Compare orders versions by timestamp; between equal timestamps the larger node name wins.
func (v Version) Compare(o Version) int {
	if c := cmp.Compare(v.Time, o.Time); c != 0 {
		return c
	}
	return strings.Compare(v.Node, o.Node)
}

// String is the timestamp as a decimal number, an @, and the node.
func (v Version) String() string {
	return strconv.FormatInt(int64(v.Time), 10) + "@" + v.Node
}

// Record is one version of a key: a value, or the tombstone that a delete left.
type Record struct {
	Version   Version
	Tombstone bool
	Value     []byte
}

// Live reports whether a reader finds a value.
func (r Record) Live() bool { return !r.Version.IsZero() && !r.Tombstone }

// Compare is the total order of last-write-wins: version first, then a tombstone beats a value,
// then the larger value. The last two decide only between records of the same version, which a coordinator can
// make when it restarts with its clock set back; without them replicas could disagree for ever.
func (r Record) Compare(o Record) int {
	if c := r.Version.Compare(o.Version); c != 0 {
		return c
	}
	if r.Tombstone != o.Tombstone {
		if r.Tombstone {
			return 1
		}
		return -1
	}
	return bytes.Compare(r.Value, o.Value)
}

const flagTombstone = 1

// ErrMalformed is wrapped by every error of Parse.
var ErrMalformed = errors.New("malformed record")

// AppendTo appends the binary form of r: eight bytes of timestamp, one byte of flags, one byte of
// length and the node's name, then the value up to the end.
func (r Record) AppendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.Version.Time))
	var flags byte
	if r.Tombstone {
		flags |= flagTombstone
	}
	b = append(b, flags, byte(len(r.Version.Node)))
	b = append(b, r.Version.Node...)
	return append(b, r.Value...)
}

// Size is how many bytes AppendTo appends.
func (r Record) Size() int { return 8 + 2 + len(r.Version.Node) + len(r.Value) }

// Parse reads the binary form. The value is a copy of its own.
func Parse(b []byte) (Record, error) {
	v, tombstone, rest, err := parseHead(b)
	if err != nil {
		return Record{}, err
	}
	r := Record{Version: v, Tombstone: tombstone}
	if len(rest) > 0 {
		if tombstone {
			return Record{}, fmt.Errorf("%w: a tombstone with a value", ErrMalformed)
		}
		r.Value = bytes.Clone(rest)
	}
	return r, nil
}

// ParseVersion reads only the version of a record's binary form.
func ParseVersion(b []byte) (Version, error) {
	v, _, _, err := parseHead(b)
	return v, err
}

func parseHead(b []byte) (v Version, tombstone bool, rest []byte, err error) {
	const fixed = 10
	if len(b) < fixed {
		return v, false, nil, fmt.Errorf("%w: %d bytes, at least %d are needed", ErrMalformed, len(b), fixed)
	}
	v.Time = hlc.Timestamp(binary.BigEndian.Uint64(b))
	flags, n := b[8], int(b[9])
	b = b[fixed:]
	switch {
	case v.Time < 0 || v.Time > hlc.Max:
		return v, false, nil, fmt.Errorf("%w: timestamp %d is out of range", ErrMalformed, v.Time)
	case flags&^flagTombstone != 0:
		return v, false, nil, fmt.Errorf("%w: unknown flags %#x", ErrMalformed, flags)
	case n > MaxNodeName || n > len(b):
		return v, false, nil, fmt.Errorf("%w: node name of %d bytes in %d", ErrMalformed, n, len(b))
	case v.Time == 0 && (n > 0 || flags != 0 || len(b) > 0):
		return v, false, nil, fmt.Errorf("%w: content without a timestamp", ErrMalformed)
	case v.Time != 0 && n == 0:
		return v, false, nil, fmt.Errorf("%w: a timestamp without a node", ErrMalformed)
	}
	v.Node = string(b[:n])
	return v, flags&flagTombstone != 0, b[n:], nil
}
