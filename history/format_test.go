package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodHeader = `{"type":"header","format":"lapse-history","version":1,"source":"lapse","nodes":["n1"],"levels":["","ONE"],"initial":null}` + "\n"

const goodOp = `{"type":"op","invoke_ns":1,"complete_ns":2,"process":0,"session":0,"node":"n1","read_level":"ONE","outcome":"ok","txn":[{"f":"read","key":"k0","ret":null}]}` + "\n"

const goodEnd = `{"type":"end"}` + "\n"

func TestTextByHand(t *testing.T) {
	h, err := Decode(strings.NewReader(goodHeader+
		` { "process" : 1 , "type":"op", "session":-4,"outcome":"info","invoke_ns":0,"txn":[{"key":"k7","f":"write","arg":"\u00fc\n"},{"f":"read","key":"k2147483647"}] } `+"\r\n"+
		goodOp+`{"type":"fault","id":1,"kind":"kill","name":"kill n1","injected_ns":3}`+"\n"+`{"type":"event","at_ns":1,"kind":"phase","text":"load"}`+"\n"+
		strings.TrimSpace(goodEnd)), -1)
	must(t, err)
	if len(h.Ops) != 2 || len(h.Faults) != 1 || len(h.Events) != 1 || h.Header.Initial != Absent || h.Torn {
		t.Fatalf("%+v", h)
	}
	m := h.Mops(&h.Ops[0])
	if h.ValueText(m[0].Arg) != `"ü\n"` || m[0].Key != 7 || m[1].Key != 1<<31-1 || m[1].Flags != 0 || h.Ops[0].Session != -4 {
		t.Errorf("%+v of %+v", m, h.Ops[0])
	}
	if r := h.Mop(&h.Ops[1]); r.Ret != Absent || r.Flags != Observed {
		t.Errorf("%+v", r)
	}
}

// TestTextErrors: every error names file, line and field, and what was expected.
func TestTextErrors(t *testing.T) {
	op := func(old, new string) string {
		if !strings.Contains(goodOp, old) {
			t.Fatalf("%s is not in the line", old)
		}
		return goodHeader + strings.Replace(goodOp, old, new, 1) + goodEnd
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"empty"}},
		{"foreign", "hello", []string{`"hell"`, "expected a lapse history"}},
		{"no header", goodOp, []string{":1:", "field type", "header"}},
		{"two headers", goodHeader + goodHeader, []string{":2:", "second header"}},
		{"format", `{"type":"header","format":"x","version":1}`, []string{":1:", "field format", `"lapse-history"`}},
		{"version", `{"type":"header","format":"lapse-history","version":2}`, []string{":1:", "field version", "newer"}},
		{"header field", strings.Replace(goodHeader, `"source"`, `"sauce"`, 1), []string{":1:", `"sauce"`}},
		{"header type", strings.Replace(goodHeader, `"lapse",`, `7,`, 1), []string{":1:", "field source", "expected string"}},
		{"header levels", strings.Replace(goodHeader, `["",`, `["TWO",`, 1), []string{":1:", "levels[0]"}},
		{"header initial", strings.Replace(goodHeader, `null`, `1.5`, 1), []string{":1:", "field initial", "without fraction"}},
		{"no end", goodHeader + goodOp, []string{":3:", "end line"}},
		{"after the end", goodHeader + goodEnd + goodOp, []string{":3:", "after the end"}},
		{"count", goodHeader + goodOp + `{"type":"end","ops":2}`, []string{":3:", "field ops", "2", "1"}},
		{"empty line", goodHeader + "\n" + goodEnd, []string{":2:", "empty"}},
		{"torn line", goodHeader + goodOp[:40], []string{":2:", "column 41", "end of the line"}},
		{"unknown type", op(`"op"`, `"opp"`), []string{":2:", "field type", `"opp"`}},
		{"unknown field", op(`"process"`, `"prozess"`), []string{":2:", `unknown field "prozess"`}},
		{"case", op(`"process"`, `"Process"`), []string{":2:", `unknown field "Process"`}},
		{"twice", op(`"process":0`, `"process":0,"process":0`), []string{":2:", "field process", "twice"}},
		{"missing process", op(`"process":0,`, ``), []string{":2:", "field process", "missing", "integer"}},
		{"process is no number", op(`"process":0`, `"process":"0"`), []string{":2:", "field process", "column 54", "expected an integer"}},
		{"process too large", op(`"process":0`, `"process":2147483648`), []string{":2:", "field process", "2147483648", "2147483647"}},
		{"number out of all range", op(`"invoke_ns":1`, `"invoke_ns":99999999999999999999`), []string{":2:", "field invoke_ns", "between"}},
		{"fraction", op(`"invoke_ns":1`, `"invoke_ns":1.0`), []string{":2:", "field invoke_ns", "without fraction"}},
		{"leading zero", op(`"invoke_ns":1`, `"invoke_ns":01`), []string{":2:", "field invoke_ns"}},
		{"negative time", op(`"invoke_ns":1`, `"invoke_ns":-1`), []string{":2:", "field invoke_ns", "-1"}},
		{"outcome", op(`"outcome":"ok"`, `"outcome":"okay"`), []string{":2:", "field outcome", "okay", "ok, fail or info"}},
		{"info with completion", op(`"outcome":"ok"`, `"outcome":"info"`), []string{":2:", "field complete_ns"}},
		{"ok without completion", op(`"complete_ns":2,`, ``), []string{":2:", "field complete_ns"}},
		{"node", op(`"n1"`, `"n2"`), []string{":2:", "field node", `"n2"`}},
		{"level", op(`"ONE"`, `"TWO"`), []string{":2:", "field read_level", `"TWO"`}},
		{"no txn", op(`,"txn":[{"f":"read","key":"k0","ret":null}]`, ``), []string{":2:", "field txn", "missing"}},
		{"empty txn", op(`[{"f":"read","key":"k0","ret":null}]`, `[]`), []string{":2:", "field txn", "empty"}},
		{"function", op(`"read"`, `"reed"`), []string{":2:", "field txn[0].f", `"reed"`}},
		{"no function", op(`"f":"read",`, ``), []string{":2:", "field txn[0].f", "missing"}},
		{"key", op(`"k0"`, `"x0"`), []string{":2:", "field txn[0].key", "named_keys"}},
		{"key with zeros", op(`"k0"`, `"k00"`), []string{":2:", "field txn[0].key"}},
		{"key too large", op(`"k0"`, `"k2147483648"`), []string{":2:", "field txn[0].key"}},
		{"key is a number", op(`"k0"`, `0`), []string{":2:", "field txn[0].key", "a string"}},
		{"value", op(`"ret":null`, `"ret":true`), []string{":2:", "field txn[0].ret", "expected an integer, null, a string"}},
		{"reserved value", op(`"ret":null`, `"ret":-9223372036854775808`), []string{":2:", "field txn[0].ret", "between"}},
		{"base64", op(`"ret":null`, `"ret":{"base64":"?"}`), []string{":2:", "field txn[0].ret", "base64"}},
		{"text is no UTF-8", op(`"ret":null`, "\"ret\":\"\xff\""), []string{":2:", "field txn[0].ret", "UTF-8"}},
		{"write without arg", op(`"read"`, `"write"`), []string{":2:", "field txn[0].arg", "missing"}},
		{"cas without expect", op(`"f":"read"`, `"f":"cas","arg":1`), []string{":2:", "field txn[0].expect", "missing"}},
		{"list with read", op(`"ret":null`, `"list":[]`), []string{":2:", "field txn[0].list", "read-list"}},
		{"list element", op(`"f":"read","key":"k0","ret":null`, `"f":"read-list","key":"k0","list":[1,2,{}]`), []string{":2:", "field txn[0].list[2]"}},
		{"second mop", op(`"ret":null}`, `"ret":null},{"f":"read","key":7}`), []string{":2:", "field txn[1].key"}},
		{"observed nothing", op(`"ret":null`, `"observed":true`), []string{":2:", "field txn[0].observed"}},
		{"versioned nothing", op(`"ret":null`, `"versioned":true`), []string{":2:", "field txn[0].versioned"}},
		{"something after", op("]}\n", "]} x\n"), []string{":2:", "'x'", "end of the line"}},
		{"a 0 byte after", op("]}\n", "]}\x00\n"), []string{":2:", `'\x00'`, "end of the line"}},
		{"an operation after a 0 byte", op("]}\n", "]} \x00"+goodOp), []string{":2:", `'\x00'`, "end of the line"}},
		{"no comma", op(`"process":0,`, `"process":0 `), []string{":2:", "','"}},
		{"fault field", goodHeader + `{"type":"fault","id":"x"}` + "\n" + goodEnd, []string{":2:", "field", "id"}},
		{"impossible", goodHeader + goodOp + goodOp + goodEnd, []string{":3:", "impossible history", "process 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "h.jsonl")
			must(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := ReadFile(path)
			wantErr(t, err, append(c.want, path)...)
			var place *FormatError
			if !errors.As(err, &place) {
				t.Errorf("%T, want a FormatError", err)
			}
		})
	}
}

// blocksOf makes a binary history of the given blocks.
func blocksOf(t testing.TB, blocks ...any) []byte {
	t.Helper()
	var buf bytes.Buffer
	var out blockWriter
	if err := out.init(&buf); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(blocks); i += 2 {
		payload, ok := blocks[i+1].([]byte)
		if s, isText := blocks[i+1].(string); isText {
			payload, ok = []byte(s), true
		}
		if !ok {
			var err error
			if payload, err = json.Marshal(blocks[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.write(blocks[i].(blockType), payload, i%4 == 0); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// TestBinaryErrors: blocks whose checksums are right and whose content is wrong.
func TestBinaryErrors(t *testing.T) {
	head := Header{Source: SourceLapse, Levels: []string{""}}
	ops := opsPayload(t, 3)
	for _, c := range []struct {
		name string
		file []byte
		want []string
	}{
		{"newer version", []byte("\x89LAPSE\r\n\x00\x02rest"), []string{"version 0.2", "newer"}},
		{"line ends changed", []byte("\x89LAPSE\n\x00\x01rest"), []string{"field magic", "expected"}},
		{"no header", blocksOf(t, blockEnd, endBlock{}), []string{"block 1", "expected the header"}},
		{"two headers", blocksOf(t, blockHeader, head, blockHeader, head), []string{"block 2", "second header"}},
		{"header field", blocksOf(t, blockHeader, `{"sauce":"x"}`), []string{"block 1 at offset 10", "sauce"}},
		{"header type", blocksOf(t, blockHeader, `{"seed":"x"}`), []string{"block 1", "field seed", "expected uint64"}},
		{"fault type", blocksOf(t, blockHeader, head, blockFault, `{"id":[]}`), []string{"block 2", "field id", "expected int"}},
		{"JSON ends", blocksOf(t, blockHeader, head, blockEvent, `{"at_ns":1`), []string{"block 2", "ends too early"}},
		{"JSON and more", blocksOf(t, blockHeader, head, blockEvent, `{"at_ns":1} {}`), []string{"block 2", "after the JSON"}},
		{"ops end early", blocksOf(t, blockHeader, head, blockOps, ops[:len(ops)/2]), []string{"block 2", "field"}},
		{"ops and more", blocksOf(t, blockHeader, head, blockOps, append(bytes.Clone(ops), 0)), []string{"block 2", "after the last column"}},
		{"ops flags", blocksOf(t, blockHeader, head, blockOps, append([]byte{0x80}, ops[1:]...)), []string{"block 2", "field flags"}},
		{"counts", blocksOf(t, blockHeader, head, blockOps, ops, blockEnd, endBlock{Ops: 4, Mops: 3}), []string{"block 3", "field ops", "4", "3"}},
		{"after the end", append(blocksOf(t, blockHeader, head, blockEnd, endBlock{}), 0), []string{"after the end"}},
		{"end in a cut", blocksOf(t, blockHeader, head, blockOps, append([]byte{0}, ops[1:]...), blockEnd, endBlock{Ops: 3, Mops: 3}), []string{"inside a cut"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "h.lapse")
			must(t, os.WriteFile(path, c.file, 0o600))
			_, err := ReadFile(path)
			wantErr(t, err, append(c.want, path)...)
			var place *FormatError
			if !errors.As(err, &place) {
				t.Errorf("%T, want a FormatError", err)
			}
		})
	}
}

// opsPayload is the payload of a block with n writes.
func opsPayload(t testing.TB, n int) []byte {
	t.Helper()
	b := NewBuilder(Header{})
	for i := range n {
		b.AddPlain(Op{Invoke: Time(i), Complete: Time(i) + 100, Process: int32(i), Outcome: OK, Error: -1, Note: -1, Node: -1}, Mop{Func: Write, Arg: Value(i + 1)})
	}
	var enc opsEncoder
	var out blockWriter
	var buf bytes.Buffer
	must(t, out.init(&buf))
	all := batch{b.h.Ops, b.h.mops, b.h.lists}
	must(t, enc.writeCut(&out, Never, tables{}, &all, &batch{}))
	return bytes.Clone(enc.payload)
}
