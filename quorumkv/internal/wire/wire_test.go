package wire

import (
	"encoding/binary"
	"errors"
	"testing"
)

// A list of two texts, a number and a byte: whatever is cut off it, or follows it, is an error.
func TestCursor(t *testing.T) {
	b := AppendText(AppendText([]byte{2}, "key"), "")
	b = append(binary.AppendUvarint(b, 1<<40), 7)
	read := func(b []byte) (texts []string, n uint64, last byte, err error) {
		c := NewCursor(b)
		c.Each(func() { texts = append(texts, c.Text()) })
		n, last = c.Number(), c.Byte()
		return texts, n, last, c.End()
	}
	texts, n, last, err := read(b)
	if err != nil || len(texts) != 2 || texts[0] != "key" || texts[1] != "" || n != 1<<40 || last != 7 {
		t.Errorf("%q came back as %q, %d, %d, %v", b, texts, n, last, err)
	}
	for cut := range len(b) {
		if _, _, _, err := read(b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d of %d bytes: error %v", cut, len(b), err)
		}
	}
	if _, _, _, err := read(append(b, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte more: error %v", err)
	}
}

// A list that promises more than the message holds ends with the message.
func TestEachEndsWithTheMessage(t *testing.T) {
	c, calls := NewCursor(binary.AppendUvarint(nil, 1<<60)), 0
	c.Each(func() { calls++; c.Byte() })
	if err := c.End(); calls != 1 || !errors.Is(err, ErrMalformed) {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

// What was read stays as it is when the message's memory is used again.
func TestNothingLiesInTheMessage(t *testing.T) {
	b := AppendText(AppendText(nil, "one"), "two")
	c := NewCursor(b)
	text, value := c.Text(), c.Bytes()
	clear(b)
	if text != "one" || string(value) != "two" {
		t.Errorf("%q and %q", text, value)
	}
	if c := NewCursor([]byte{0}); c.Bytes() != nil {
		t.Error("an empty value is not nil")
	}
}
