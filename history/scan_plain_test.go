package history

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestPlainLines: what textWriter writes is read as a plain line, unless it has escapes or
// says what hardly any line says, and means the same as JSON.
func TestPlainLines(t *testing.T) {
	histories := map[string]*History{"typical": typical(t, 2000, 5, 7, 3)}
	var txn Txn
	b := NewBuilder(Header{Source: "test", Initial: Absent, Nodes: []string{"n1"}, Levels: []string{"", "ONE"}})
	key := b.Key("a key")
	for i, m := range []Mop{
		{Func: CAS, Key: key, Expect: Absent, Arg: -5}, {Func: CAS, Key: key, Expect: b.Text("x"), Arg: 5, Ret: 7, Flags: Observed | Mismatched},
		{Func: Acquire, Key: key, Arg: 3, Flags: Owned}, {Func: Read, Key: key, Ret: Absent, Flags: Observed | Predicate}, {Func: Write, Key: key, Arg: 1 << 60},
	} {
		b.AddPlain(Op{Invoke: Time(i), Complete: Time(i), Process: int32(i), Outcome: Fail, Error: -1, Note: -1, Node: -1}, m)
	}
	for i, list := range [][]Value{nil, {1}, {1, b.Text("two"), Absent}} {
		txn.Reset()
		txn.Mops = append(txn.Mops, Mop{Func: ReadList, Key: key}, Mop{Func: Append, Key: key, Arg: Value(i)})
		txn.SetList(0, list)
		b.Add(Op{Invoke: 10, Complete: 11, Process: int32(i + 10), Outcome: OK, Error: -1, Note: -1, Node: 0, ReadLevel: 1}, &txn)
	}
	h, err := b.History()
	must(t, err)
	histories["all"] = h
	for name, h := range histories {
		var buf bytes.Buffer
		must(t, EncodeText(&buf, h))
		plain := 0
		for line := range strings.Lines(buf.String()) {
			if !strings.HasPrefix(line, `{"type":"op"`) {
				continue
			}
			r := &textReader{b: NewBuilder(h.Header), named: len(h.KeyNames) > 0}
			if _, n := r.plainOp([]byte(line)); n != len(line) && !strings.Contains(line, `"arg":1152921504606846976`) {
				t.Errorf("%s: %s is no plain line", name, line)
			}
			plain++
			for _, other := range []string{
				strings.TrimSuffix(line, "\n") + " \n", strings.Replace(line, ",", ", ", 1), line[:len(line)/2], line + "x",
				strings.Replace(line, `"f":"`, `"f":"x`, 1), strings.Replace(line, `"process":`, `"process":0`, 1), strings.Replace(line, `"outcome":"ok"`, `"outcome":"info"`, 1),
			} {
				if other == line {
					continue
				}
				if _, n := r.plainOp([]byte(other)); n == len(other) {
					t.Errorf("%s: %s is taken for a plain line", name, other)
				}
			}
		}
		if plain != len(h.Ops) {
			t.Errorf("%s: %d lines, want %d", name, plain, len(h.Ops))
		}
		got, err := Decode(&buf, int64(buf.Len()))
		must(t, err)
		sameMeaning(t, got, h)
	}
}

// TestLinesOfImpossibleOperations: lines between operations count, and so do those that sorting moves.
func TestLinesOfImpossibleOperations(t *testing.T) {
	event := `{"type":"event","at_ns":1,"kind":"k","text":"t"}` + "\n"
	op := func(invoke, complete, process string) string {
		return `{"type":"op","invoke_ns":` + invoke + `,"complete_ns":` + complete + `,"process":` + process +
			`,"session":1,"outcome":"ok","txn":[{"f":"read","key":"k0","ret":null},{"f":"read","key":"k1","ret":null}]}` + "\n"
	}
	bad := op("5", "4", "1")
	for want, text := range map[int]string{
		2: bad + op("6", "7", "2"),
		3: op("6", "7", "2") + bad + op("1", "2", "3"),
		4: op("6", "7", "2") + event + bad + op("1", "2", "3"),
		6: event + op("6", "7", "2") + event + op("3", "7", "4") + bad + event + op("1", "2", "3"),
	} {
		_, err := Decode(strings.NewReader(goodHeader+text+goodEnd), -1)
		var place *FormatError
		if !errors.As(err, &place) || place.Line != want {
			t.Errorf("%v, want line %d", err, want)
		}
	}
}

// TestOtherLinesNameNoKeys: a line that is not read as a plain one leaves no names of keys behind that it does not have.
func TestOtherLinesNameNoKeys(t *testing.T) {
	for _, mop := range []string{
		`{"f": "read", "key": "a"}`, `{"f":"read","key":"\u00fc"}`, `{"f":"read","key":"ü"}`, `{"key":"a","f":"read"}`, `{"f":"read", "key":"a"}`,
	} {
		h, err := Decode(strings.NewReader(strings.Replace(goodHeader, `"version":1`, `"version":1,"named_keys":true`, 1)+
			`{"type":"op","invoke_ns":1,"process":1,"session":1,"outcome":"info","txn":[`+mop+`]}`+"\n"+`{"type":"end"}`+"\n"), -1)
		if err != nil {
			t.Errorf("%s: %v", mop, err)
			continue
		}
		if len(h.KeyNames) != 1 || h.KeyNames[0] != "a" && h.KeyNames[0] != "ü" {
			t.Errorf("%s: keys %q", mop, h.KeyNames)
		}
	}
}

// TestPlainLinesInPieces: where the buffer ends does not matter, inside plain lines, inside others or between them.
func TestPlainLinesInPieces(t *testing.T) {
	h := typical(t, 400, 5, 7, 3)
	var buf bytes.Buffer
	must(t, EncodeText(&buf, h))
	lines := slices.Collect(strings.Lines(buf.String()))
	for i := range lines {
		if i%7 == 1 {
			lines[i] = strings.Replace(lines[i], ",", " ,", 1)
		}
	}
	text := strings.Join(lines, "")
	for size := 1; size < 700; size += 1 + size/8 {
		got, err := Decode(pieces{strings.NewReader(text), size}, -1)
		must(t, err)
		sameMeaning(t, got, h)
		for _, wrong := range []int{1, len(lines) / 2, len(lines) - 2} {
			bad := slices.Clone(lines)
			bad[wrong] = strings.Replace(bad[wrong], `"process":`, `"process":x`, 1)
			var place *FormatError
			if _, err := Decode(pieces{strings.NewReader(strings.Join(bad, "")), size}, -1); !errors.As(err, &place) || place.Line != wrong+1 {
				t.Fatalf("pieces of %d: %v, want line %d", size, err, wrong+1)
			}
		}
	}
}

// pieces reads at most size bytes at once.
type pieces struct {
	from io.Reader
	size int
}

func (p pieces) Read(b []byte) (int, error) { return p.from.Read(b[:min(len(b), p.size)]) }
