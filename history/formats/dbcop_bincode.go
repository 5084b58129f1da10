package formats

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/lapse-test/lapse/history"
)

func dbcopBincodeFormat() Format {
	return Format{
		Name:    "dbcop-bincode",
		Summary: "dbcop's binary history.bincode of 2019, as PolySI and AWDIT read it",
		detect:  looksLikeBincode,
		read:    readDbcopBincode,
	}
}

// looksLikeBincode accepts a head whose five numbers and three texts are
// plausible.
func looksLikeBincode(head []byte) bool {
	r := bincodeReader{in: &input{data: head}}
	for range 5 {
		if n, err := r.u64(""); err != nil || n > 1<<40 {
			return false
		}
	}
	for range 3 {
		s, err := r.text("")
		if err != nil || !utf8.ValidString(s) || len(s) > 1000 {
			return false
		}
	}
	return true
}

type bincodeReader struct {
	in  *input
	pos int
}

func (r *bincodeReader) u64(what string) (uint64, error) {
	if len(r.in.data)-r.pos < 8 {
		return 0, r.in.errByte(r.pos, "expected 8 bytes for %s, found the end of the file", what)
	}
	n := binary.LittleEndian.Uint64(r.in.data[r.pos:])
	r.pos += 8
	return n, nil
}

func (r *bincodeReader) flag(what string) (bool, error) {
	if r.pos >= len(r.in.data) {
		return false, r.in.errByte(r.pos, "expected a byte for %s, found the end of the file", what)
	}
	b := r.in.data[r.pos]
	if b > 1 {
		return false, r.in.errByte(r.pos, "expected 0 or 1 for %s, found %d", what, b)
	}
	r.pos++
	return b == 1, nil
}

func (r *bincodeReader) text(what string) (string, error) {
	n, err := r.u64("the length of " + what)
	if err != nil {
		return "", err
	}
	if n > uint64(len(r.in.data)-r.pos) {
		return "", r.in.errByte(r.pos, "expected %s of %d bytes, found only %d bytes", what, n, len(r.in.data)-r.pos)
	}
	s := string(r.in.data[r.pos : r.pos+int(n)])
	r.pos += int(n)
	return s, nil
}

// count reads how many elements of at least size bytes follow, and refuses more
// than the file can hold.
func (r *bincodeReader) count(what string, size int) (int, error) {
	n, err := r.u64("the number of " + what)
	if err != nil {
		return 0, err
	}
	if n > uint64(len(r.in.data)-r.pos)/uint64(size) {
		return 0, r.in.errByte(r.pos-8, "expected a number of %s that fits into the file, found %d", what, n)
	}
	return int(n), nil
}

// readDbcopBincode reads little-endian numbers: id, nodes, variables,
// transactions, events, three texts, then sessions of transactions of events
// (write?, variable, value, success?). The value 0 is the initial one.
func readDbcopBincode(in *input) (*history.History, error) {
	r := &bincodeReader{in: in}
	for _, what := range []string{"the id", "the nodes", "the variables", "the transactions", "the events"} {
		if _, err := r.u64(what); err != nil {
			return nil, err
		}
	}
	for _, what := range []string{"the info", "the start", "the end"} {
		if _, err := r.text(what); err != nil {
			return nil, err
		}
	}
	c := newClockless("dbcop-bincode", true)
	sessions, err := r.count("sessions", 8)
	if err != nil {
		return nil, err
	}
	for s := range sessions {
		txns, err := r.count("transactions", 9)
		if err != nil {
			return nil, err
		}
		for range txns {
			if err := r.transaction(c, int32(s)); err != nil {
				return nil, err
			}
		}
	}
	if r.pos != len(in.data) {
		return nil, in.errByte(r.pos, "expected the end of the file after the last session, found %d more bytes", len(in.data)-r.pos)
	}
	return c.history(in)
}

func (r *bincodeReader) transaction(c *clocklessBuilder, session int32) error {
	r.in.passed(r.pos)
	events, err := r.count("events", 18)
	if err != nil {
		return err
	}
	for range events {
		at := r.pos
		write, err := r.flag("whether the event is a write")
		if err != nil {
			return err
		}
		variable, err := r.u64("the variable")
		if err != nil {
			return err
		}
		value, err := r.u64("the value")
		if err != nil {
			return err
		}
		success, err := r.flag("whether the event succeeded")
		if err != nil {
			return err
		}
		if value > math.MaxInt64 {
			return r.in.errByte(at, "expected a value below 2^63, found %d", value)
		}
		if write && value == 0 && success {
			return r.in.errByte(at, "expected a written value above 0: 0 stands for the initial value")
		}
		if !success {
			continue
		}
		key := c.key(variable)
		if write {
			c.write(key, c.value(value))
		} else {
			c.read(key, c.value(value))
		}
	}
	committed, err := r.flag("whether the transaction committed")
	if err != nil {
		return err
	}
	outcome := history.OK
	if !committed {
		outcome = history.Fail
	}
	c.end(session, outcome)
	return nil
}
