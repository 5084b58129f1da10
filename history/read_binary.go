package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// binaryReader reads the binary format.
type binaryReader struct {
	file string
	in   *bufio.Reader
	size int64 // of the whole file, -1 if not known

	offset int64 // where the current block begins
	after  int64 // where it ends
	block  int   // its number, from 1

	stored bytes.Buffer
	unpack unpacker
	ops    opsDecoder

	h      History
	all    batch
	have   counts
	faults map[int]int
	nFault int64
	// to takes the operations as they come, nil if all are kept in all; given counts
	// those that it has.
	to    receiver
	given received
	// grows: the file is still written, and nobody waits for what may stand behind its end.
	grows bool
	// What stood when the last cut was complete: a torn file ends there.
	ops0, mops0, lists0 int
	open                batch
	inside              bool // the last block did not end its cut
}

// errTorn passes between the parts of binaryReader when the file ends
// where it should not.
var errTorn = errors.New("torn")

// readBinary reads a binary history. size is that of the whole file, -1 if it is
// not known.
func readBinary(in *bufio.Reader, file string, size int64) (*History, error) {
	r := &binaryReader{file: file, in: in, size: size, faults: map[int]int{}}
	if err := r.whole(); err != nil {
		return nil, err
	}
	h := &r.h
	h.Ops, h.mops, h.lists = r.all.ops, r.all.mops, r.all.lists
	if err := h.finish(); err != nil {
		return nil, &FormatError{File: file, Problem: err.Error(), Err: err}
	}
	return h, nil
}

// whole reads everything, torn or not.
func (r *binaryReader) whole() error {
	if err := r.unpack.init(); err != nil {
		return err
	}
	defer r.unpack.close()
	if err := r.begin(); err != nil {
		return err
	}
	end, err := r.blocks()
	if i, ok := r.h.Header.Initial.TextIndex(); ok && i >= len(r.h.Texts) && (err == nil || errors.Is(err, errTorn)) {
		return r.wrong(&fieldError{"initial", fmt.Sprintf("text %d, and the file has %d texts", i, len(r.h.Texts))})
	}
	switch {
	case errors.Is(err, errTorn):
		return r.tear()
	case err != nil:
		return err
	}
	if err := r.checkEnd(end); err != nil {
		return err
	}
	r.h.Torn = end.Torn
	return nil
}

// begin reads the magic and the header.
func (r *binaryReader) begin() error {
	var m [len(magic)]byte
	n, err := io.ReadFull(r.in, m[:])
	if err != nil && !isEOF(err) {
		return fmt.Errorf("read history %s: %w", r.file, err)
	}
	if string(m[:n]) != magic {
		if n == len(magic) && string(m[:n-2]) == magic[:n-2] {
			return &FormatError{File: r.file, Field: "magic", Problem: fmt.Sprintf("version %d.%d of the format, this reader knows %d.%d: read it with a newer lapse", m[n-2], m[n-1], magic[n-2], magic[n-1])}
		}
		return &FormatError{File: r.file, Field: "magic", Problem: fmt.Sprintf("%q, expected %q", m[:n], magic)}
	}
	r.after = int64(len(magic))
	f, payload, err := r.next()
	if errors.Is(err, errTorn) {
		return r.wrong(&fieldError{"", "the file ends before the header is whole: the run was killed as it began, and nothing was recorded"})
	}
	if err != nil {
		return err
	}
	if f.kind != blockHeader {
		return r.wrong(&fieldError{"type", fmt.Sprintf("%s block, expected the header", f.kind)})
	}
	if err := unmarshalStrict(payload, &r.h.Header); err != nil {
		return r.wrong(jsonProblem(err))
	}
	if err := r.h.Header.check(); err != nil {
		return r.wrong(&fieldError{"", err.Error()})
	}
	r.have.nodes = len(r.h.Header.Nodes)
	r.have.levels = len(r.h.Header.Levels)
	return nil
}

// blocks reads all blocks after the header.
func (r *binaryReader) blocks() (endBlock, error) {
	var end endBlock
	for {
		f, payload, err := r.next()
		if err != nil {
			return end, err
		}
		switch f.kind {
		case blockHeader:
			return end, r.wrong(&fieldError{"type", "a second header"})
		case blockOps:
			if err := r.opsBlock(payload); err != nil {
				return end, r.wrong(err)
			}
			if err := r.pass(); err != nil {
				return end, err
			}
		case blockFault:
			var v Fault
			if err := unmarshalStrict(payload, &v); err != nil {
				return end, r.wrong(jsonProblem(err))
			}
			r.h.addFault(cleanFault(v), r.faults)
			r.nFault++
		case blockEvent:
			var v Event
			if err := unmarshalStrict(payload, &v); err != nil {
				return end, r.wrong(jsonProblem(err))
			}
			r.h.Events = append(r.h.Events, cleanEvent(v))
		case blockEnd:
			if err := unmarshalStrict(payload, &end); err != nil {
				return end, r.wrong(jsonProblem(err))
			}
			return end, nil
		}
	}
}

func (r *binaryReader) opsBlock(payload []byte) *fieldError {
	r.ops.ahead = 1
	if r.to == nil && r.size >= r.after {
		r.ops.ahead = float64(r.size) / float64(r.after)
	}
	b, err := r.ops.decode(payload, r.have, &r.all)
	if err != nil {
		return err
	}
	r.h.Strings = append(r.h.Strings, b.tables.strings...)
	r.h.Texts = append(r.h.Texts, b.tables.texts...)
	for _, name := range b.tables.keys {
		r.h.KeyNames = append(r.h.KeyNames, cleanName(name))
	}
	r.have.strings, r.have.texts, r.have.keys = len(r.h.Strings), len(r.h.Texts), len(r.h.KeyNames)
	r.inside = !b.whole
	if b.whole {
		r.ops0, r.mops0, r.lists0 = len(r.all.ops), len(r.all.mops), len(r.all.lists)
		r.open = b.open
	}
	return nil
}

// pass gives what was read to the receiver, if there is one.
func (r *binaryReader) pass() error {
	if r.to == nil {
		return nil
	}
	if err := r.given.give(r.to, &r.all); err != nil {
		return err
	}
	if !r.inside {
		r.to.mark(&r.h)
	}
	return nil
}

// tear ends a torn history with its last whole cut.
func (r *binaryReader) tear() error {
	r.h.Torn = true
	if r.to != nil {
		r.to.tear()
		return r.to.take(&r.open)
	}
	r.all.ops, r.all.mops, r.all.lists = r.all.ops[:r.ops0], r.all.mops[:r.mops0], r.all.lists[:r.lists0]
	for i := range r.open.ops {
		op := &r.open.ops[i]
		r.all.add(*op, r.open.mopsOf(op), r.open.lists)
	}
	return nil
}

// checkEnd compares what was read with what the end block tells, and that it is
// the end.
func (r *binaryReader) checkEnd(end endBlock) error {
	if r.inside {
		return r.wrong(&fieldError{"", "the end stands inside a cut, expected another block of operations"})
	}
	for _, c := range []struct {
		field     string
		got, want int64
	}{
		{"ops", r.given.ops + int64(len(r.all.ops)), end.Ops},
		{"micro_operations", r.given.mops + int64(len(r.all.mops)), end.Mops},
		{"faults", r.nFault, end.Faults},
		{"events", int64(len(r.h.Events)), end.Events},
	} {
		if c.got != c.want {
			return r.wrong(&fieldError{c.field, fmt.Sprintf("the end tells of %d, %d were read", c.want, c.got)})
		}
	}
	if r.grows {
		return nil // what follows cannot be waited for
	}
	if _, err := r.in.Peek(1); !isEOF(err) {
		if err != nil {
			return fmt.Errorf("read history %s: %w", r.file, err)
		}
		return r.wrong(&fieldError{"", "something stands after the end of the history"})
	}
	return nil
}

// next reads a block and unpacks its payload, which is valid until the next
// call. It returns errTorn if the file ends before the block does.
func (r *binaryReader) next() (frame, []byte, error) {
	r.block++
	r.offset = r.after
	var head [frameSize]byte
	n, err := io.ReadFull(r.in, head[:])
	if isEOF(err) {
		return frame{}, nil, errTorn
	}
	if err != nil {
		return frame{}, nil, fmt.Errorf("read history %s: %w", r.file, err)
	}
	r.after += int64(n)
	f, bad := parseFrame(&head)
	if bad != nil {
		return f, nil, r.damaged(bad, head[:])
	}
	r.stored.Reset()
	// CopyN grows the buffer as bytes come, not by what the frame tells.
	m, err := io.CopyN(&r.stored, r.in, int64(f.stored))
	r.after += m
	if isEOF(err) {
		return f, nil, errTorn
	}
	if err != nil {
		return f, nil, fmt.Errorf("read history %s: %w", r.file, err)
	}
	if got := crc32.Checksum(r.stored.Bytes(), castagnoli); got != f.sum {
		if _, err := r.in.Peek(1); isEOF(err) {
			// The machine died before the disk had all of the last block.
			return f, nil, errTorn
		}
		return f, nil, r.wrong(&fieldError{"checksum", fmt.Sprintf("CRC-32C of the %s block is %08x, expected %08x: the file is damaged in its middle", f.kind, got, f.sum)})
	}
	payload, bad := r.unpack.unpack(f, r.stored.Bytes())
	if bad != nil {
		return f, nil, r.wrong(bad)
	}
	return f, payload, nil
}

// damaged tells a tail that the disk never got, which reads as zeros, from a
// frame that was changed.
func (r *binaryReader) damaged(bad *fieldError, head []byte) error {
	if allZero(head) {
		buf := make([]byte, 4096)
		for {
			n, err := r.in.Read(buf)
			if !allZero(buf[:n]) {
				break
			}
			if isEOF(err) {
				return errTorn
			}
			if err != nil {
				return fmt.Errorf("read history %s: %w", r.file, err)
			}
		}
	}
	bad.problem += ": the file is damaged here"
	return r.wrong(bad)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// wrong names the place of err.
func (r *binaryReader) wrong(err *fieldError) error {
	return &FormatError{File: r.file, Block: r.block, Offset: r.offset, Field: err.field, Problem: err.problem}
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// unmarshalStrict refuses fields that are not known and anything after the value.
func unmarshalStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !isEOF(err) {
		return errors.New("something stands after the JSON value")
	}
	return nil
}

// jsonProblem names the field that an error of encoding/json is about.
func jsonProblem(err error) *fieldError {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		field := typ.Field
		for _, embedded := range []string{"Header.", "Fault.", "Event."} {
			field = strings.TrimPrefix(field, embedded)
		}
		return &fieldError{field, fmt.Sprintf("%s, expected %s", typ.Value, typ.Type)}
	}
	if isEOF(err) {
		return &fieldError{"", "the JSON value ends too early"}
	}
	return &fieldError{"", err.Error()}
}
