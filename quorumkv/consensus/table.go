package consensus

import (
	"encoding/binary"
	"fmt"
	"unique"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// sessionWindow is for how many entries of the log a request's name is remembered.
const sessionWindow = 1 << 16

// table remembers the requests of the window: what became of each, by its name and by its position. There are many, so that they are kept small, and in few
// pieces for the collector to look at.
type table struct {
	at     map[string]uint64 // the position of a name
	chunks map[uint64]*[chunkSize]slot
	oldest uint64 // no position that is remembered is smaller; 0 when there was none
	last   uint64
}

const chunkSize = 1 << 10

// slot is one position; without a name there is nothing.
type slot struct {
	id       string
	content  uint64
	version  hlc.Timestamp
	node     unique.Handle[string]
	conflict bool
}

// remembered is what became of a request, and what it wrote.
type remembered struct {
	outcome
	content uint64
}

func newTable() *table { return &table{at: map[string]uint64{}, chunks: map[uint64]*[chunkSize]slot{}} }

func (t *table) slot(at uint64) *slot {
	c := t.chunks[at/chunkSize]
	if c == nil {
		return nil
	}
	return &c[at%chunkSize]
}

// get is what became of the request of a name, if it is remembered.
func (t *table) get(id string) (remembered, bool) {
	at, ok := t.at[id]
	if !ok {
		return remembered{}, false
	}
	s := t.slot(at)
	return remembered{outcome{Index: at, Conflict: s.conflict, Version: record.Version{Time: s.version, Node: s.node.Value()}}, s.content}, true
}

// put remembers a request at its position, which is later than all others, and forgets those that are out of the window.
func (t *table) put(id string, r remembered) {
	t.at[id], t.last = r.Index, r.Index
	if t.oldest == 0 {
		t.oldest = r.Index
	}
	s := t.slot(r.Index)
	if s == nil {
		c := &[chunkSize]slot{}
		t.chunks[r.Index/chunkSize] = c
		s = &c[r.Index%chunkSize]
	}
	*s = slot{id, r.content, r.Version.Time, unique.Make(r.Version.Node), r.Conflict}
	for ; t.oldest+sessionWindow < t.last; t.oldest++ {
		if s := t.slot(t.oldest); s != nil && s.id != "" {
			if t.at[s.id] == t.oldest {
				delete(t.at, s.id)
			}
			*s = slot{}
		}
		if t.oldest%chunkSize == chunkSize-1 {
			delete(t.chunks, t.oldest/chunkSize)
		}
	}
}

// On disk the requests of one step are one value under the last position of them. Earlier, each had one of its own, which begins with its flags.
const (
	manySessions = 2
	maxSessions  = 64 << 10 // bytes of a value, and then some
)

// appendSession appends a request to a value, which is empty before the first.
func appendSession(b []byte, id string, r remembered) []byte {
	if len(b) == 0 {
		b = append(b, manySessions)
	}
	var flags byte
	if r.Conflict {
		flags = 1
	}
	b = binary.AppendUvarint(b, r.Index)
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, r.content)
	b = binary.AppendUvarint(b, uint64(r.Version.Time))
	b = append(b, byte(len(r.Version.Node)))
	b = append(b, r.Version.Node...)
	b = binary.AppendUvarint(b, uint64(len(id)))
	return append(b, id...)
}

// parseSessions hands all requests of a value under a position to each.
func parseSessions(b []byte, at uint64, each func(id string, r remembered)) error {
	if len(b) > 0 && b[0] != manySessions {
		id, r, err := parseSession(b, at)
		if err == nil {
			each(id, r)
		}
		return err
	}
	p := parser{b: b}
	p.bytes(1)
	for p.err == nil && len(p.b) > 0 {
		var r remembered
		r.Index = p.number()
		r.Conflict = p.bytes(1)[0] != 0
		r.content = binary.BigEndian.Uint64(p.bytes(8))
		r.Version.Time = hlc.Timestamp(p.number())
		r.Version.Node = string(p.bytes(uint64(p.bytes(1)[0])))
		if id := string(p.bytes(p.number())); p.err == nil {
			each(id, r)
		}
	}
	if p.err != nil {
		return fmt.Errorf("%w: remembered requests of %d bytes", errMalformed, len(b))
	}
	return nil
}

// parser takes a value apart. After an error it gives zeros.
type parser struct {
	b   []byte
	err error
}

func (p *parser) bytes(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.b, p.err = nil, errMalformed
		return make([]byte, min(n, 8))
	}
	out := p.b[:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) number() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 {
		p.b, p.err = nil, errMalformed
		return 0
	}
	p.b = p.b[n:]
	return v
}

// parseSession reads the earlier form, of one request.
func parseSession(b []byte, index uint64) (id string, r remembered, err error) {
	const fixed = 1 + 8 + 8 + 1
	if len(b) < fixed || len(b) < fixed+int(b[fixed-1]) {
		return "", r, fmt.Errorf("%w: a remembered request of %d bytes", errMalformed, len(b))
	}
	r.Index, r.Conflict, r.content = index, b[0] != 0, binary.BigEndian.Uint64(b[1:])
	n := int(b[fixed-1])
	r.Version = record.Version{Time: hlc.Timestamp(binary.BigEndian.Uint64(b[9:])), Node: string(b[fixed : fixed+n])}
	return string(b[fixed+n:]), r, nil
}
