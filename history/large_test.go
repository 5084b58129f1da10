package history

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestLargeTables: an imported history may have more names than a block holds.
func TestLargeTables(t *testing.T) {
	b := NewBuilder(Header{Source: "edn"})
	long := strings.Repeat("a long name of a key, ", 1000)
	for i := range 500 {
		k := b.Key(fmt.Sprint(long, i))
		b.AddPlain(Op{Invoke: Time(i), Complete: Time(i), Process: int32(i), Outcome: OK, Error: b.String(fmt.Sprint("error ", i)), Note: -1, Node: -1},
			Mop{Func: Write, Key: k, Arg: b.Text(fmt.Sprint(long, "value", i))})
	}
	b.AddPlain(Op{Invoke: 1000, Complete: 1000, Outcome: OK, Error: -1, Note: -1, Node: -1}, Mop{Func: Read, Key: 1, Ret: b.Text(strings.Repeat("x", maxTables+10)), Flags: Observed})
	h, err := b.History()
	must(t, err)
	var buf bytes.Buffer
	must(t, Encode(&buf, h))
	if n := len(frames(t, buf.Bytes())); n < 2+500*2*len(long)/maxTables {
		t.Errorf("%d blocks: the names were not spread", n)
	}
	got, err := Decode(&buf, -1)
	must(t, err)
	identical(t, got, h)
}

// TestLargeLists: reads of long lists must not make a block that cannot be
// written.
func TestLargeLists(t *testing.T) {
	b := NewBuilder(Header{Source: "edn"})
	list := make([]Value, 100_000)
	for i := range list {
		list[i] = Value(i * 7)
	}
	var txn Txn
	for i := range 40 {
		txn.Reset()
		txn.Mops = append(txn.Mops, Mop{Func: ReadList})
		txn.SetList(0, list)
		b.Add(Op{Invoke: Time(i), Complete: Time(i), Outcome: OK, Error: -1, Note: -1, Node: -1}, &txn)
	}
	h, err := b.History()
	must(t, err)
	var buf bytes.Buffer
	must(t, Encode(&buf, h))
	if n := len(frames(t, buf.Bytes())); n < 5 {
		t.Errorf("%d blocks: the lists were not spread", n)
	}
	got, err := Decode(&buf, -1)
	must(t, err)
	identical(t, got, h)
}

// TestBomb: a payload that unpacks to much more than is stored is refused before
// it is unpacked; one that is so regular by nature is stored as it is.
func TestBomb(t *testing.T) {
	var buf bytes.Buffer
	var out blockWriter
	must(t, out.init(&buf))
	zeros := make([]byte, 8<<20)
	must(t, out.write(blockOps, zeros, true))
	f, bad := parseFrame((*[frameSize]byte)(buf.Bytes()[len(magic):]))
	if bad != nil || f.flags != 0 || int(f.stored) != len(zeros) {
		t.Errorf("%+v %v: want zeros to be stored as they are", f, bad)
	}
	f = frame{kind: blockOps, flags: flagZstd, stored: 100, raw: ratioFree + 100*maxRatio}
	var b [frameSize]byte
	f.put(b[:])
	if _, bad := parseFrame(&b); bad != nil {
		t.Errorf("at the bound: %v", bad)
	}
	f.raw++
	f.put(b[:])
	if _, bad := parseFrame(&b); bad == nil {
		t.Error("above the bound: no error")
	}
}

// TestTooLarge: what no block can hold is refused when it is written.
func TestTooLarge(t *testing.T) {
	var out blockWriter
	must(t, out.init(&bytes.Buffer{}))
	err := out.write(blockOps, make([]byte, maxRaw+1), false)
	wantErr(t, err, "at most")
	var place *FormatError
	if errors.As(err, &place) {
		t.Error("an error of writing names a place in a file that is read")
	}
}
