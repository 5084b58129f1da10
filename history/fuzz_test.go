package history

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// fuzzMemory bounds what reading a small input may allocate: nothing may be
// allocated by a length that only the input claims.
const fuzzMemory = 128 << 20

// readFuzzed reads data and checks what must hold for whatever comes: no panic,
// little memory, an error that names its place, or a history that is valid and
// comes back the same from both formats.
func readFuzzed(t *testing.T, data []byte) {
	if len(data) > 1<<14 {
		return
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h, err := Decode(bytes.NewReader(data), -1)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > fuzzMemory {
		t.Fatalf("%d bytes were allocated for %d bytes of input", n, len(data))
	}
	if err != nil {
		var place *FormatError
		if !errors.As(err, &place) || place.Problem == "" {
			t.Fatalf("error %v (%T) names no place", err, err)
		}
		return
	}
	if err := h.Validate(); err != nil {
		t.Fatalf("a history was read that is not valid: %v", err)
	}
	for name, encode := range map[string]func(*bytes.Buffer) error{
		"binary": func(b *bytes.Buffer) error { return Encode(b, h) },
		"text":   func(b *bytes.Buffer) error { return EncodeText(b, h) },
	} {
		var buf bytes.Buffer
		if err := encode(&buf); err != nil {
			if name == "text" && strings.Contains(err.Error(), "key") {
				continue // two keys of one name: only the binary format can tell them apart
			}
			t.Fatalf("%s: what was read cannot be written: %v", name, err)
		}
		again, err := Decode(&buf, -1)
		if err != nil {
			t.Fatalf("%s: what was written cannot be read: %v", name, err)
		}
		sameMeaning(t, again, h)
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte(goodHeader + goodOp + goodEnd))
	f.Add([]byte(goodHeader + `{"type":"op","invoke_ns":0,"process":1,"session":1,"outcome":"info","error":"\u0000x","txn":[` +
		`{"f":"cas","key":"k1","arg":"a","expect":{"base64":"/w=="}},{"f":"read-list","key":"k1","list":[1,null,"x"],"version":-5,"predicate":true}]}` + "\n" +
		`{"type":"fault","id":1,"kind":"kill","name":"n","injected_ns":3}` + "\n" + `{"type":"event","at_ns":1,"kind":"k","text":"t"}` + "\n" + goodEnd))
	f.Add([]byte(strings.Replace(goodHeader, `"nodes"`, `"named_keys":true,"nodes"`, 1) + strings.Replace(goodOp, "k0", "Ålesund", 1) + goodEnd))
	f.Fuzz(readFuzzed)
}

// FuzzBinary takes a file as it is, and mends its checksums first, so that what
// lies behind them is reached.
func FuzzBinary(f *testing.F) {
	head := Header{Source: SourceLapse, Levels: []string{""}}
	f.Add(blocksOf(f, blockHeader, head, blockOps, opsPayload(f, 3), blockEnd, endBlock{Ops: 3, Mops: 3}))
	f.Add(blocksOf(f, blockHeader, head, blockFault, Fault{ID: 1, Kind: "kill"}, blockEvent, Event{At: 1, Kind: "k"}, blockEnd, endBlock{Faults: 1, Events: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		readFuzzed(t, data)
		readFuzzed(t, mended(data))
	})
}

// mended is data with right checksums, as far as it can be read as blocks.
func mended(data []byte) []byte {
	out := bytes.Clone(data)
	if len(out) < len(magic) {
		return out
	}
	copy(out, magic)
	for b := out[len(magic):]; len(b) >= frameSize; {
		stored := int(min(uint64(binary.LittleEndian.Uint32(b[4:])), uint64(len(b)-frameSize)))
		binary.LittleEndian.PutUint32(b[4:], uint32(stored))
		if b[1]&flagZstd == 0 {
			binary.LittleEndian.PutUint32(b[8:], uint32(stored))
		}
		binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[frameSize:frameSize+stored], castagnoli))
		binary.LittleEndian.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
		b = b[frameSize+stored:]
	}
	return out
}

// FuzzOps fuzzes the columns of a block of operations behind a right frame.
func FuzzOps(f *testing.F) {
	f.Add(opsPayload(f, 1))
	f.Add(opsPayload(f, 20))
	f.Fuzz(func(t *testing.T, payload []byte) {
		head := Header{Source: "fuzz", Levels: []string{"", "ONE"}, Nodes: []string{"n1"}}
		readFuzzed(t, blocksOf(t, blockHeader, head, blockOps, payload))
	})
}

// samePlain tells whether the reader of plain lines says the same of line as scanOp did, or
// leaves it to that.
func samePlain(t *testing.T, line []byte) {
	t.Helper()
	for _, named := range []bool{false, true} {
		want := &textReader{b: NewBuilder(Header{Nodes: []string{"n1"}, Levels: []string{"", "ONE"}}), named: named}
		r := &textReader{b: NewBuilder(Header{Nodes: []string{"n1"}, Levels: []string{"", "ONE"}}), named: named}
		plain, n := r.plainOp(line)
		if n == 0 || n != len(line) {
			continue
		}
		op, bad := want.scanOp(line)
		if bad != nil {
			t.Fatalf("%s: %+v is read, and refused as JSON: %v", line, plain, bad)
		}
		if plain != op || !reflect.DeepEqual(r.txn.Mops, want.txn.Mops) || len(r.txn.lists)+len(want.txn.lists) > 0 && !reflect.DeepEqual(r.txn.lists, want.txn.lists) ||
			!reflect.DeepEqual(r.b.h, want.b.h) {
			t.Fatalf("%s: %+v %+v, want %+v %+v", line, plain, r.txn, op, want.txn)
		}
	}
}

// FuzzScan compares the reader of an operation's line with encoding/json: what
// it accepts is JSON, and says the same.
func FuzzScan(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(strings.TrimSpace(goodOp)))
	f.Add([]byte(`{"type":"op","invoke_ns":0,"process":1,"session":1,"outcome":"info","note":"\ud83d\ude00","txn":[{"f":"write","key":"k1","arg":"\u00e9"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r := &textReader{b: NewBuilder(Header{Nodes: []string{"n1"}, Levels: []string{"", "ONE"}})}
		op, bad := r.scanOp(line)
		samePlain(t, line)
		if bad != nil {
			if bad.problem == "" {
				t.Fatal("an error without a problem")
			}
			return
		}
		var j struct {
			Type       string `json:"type"`
			Invoke     int64  `json:"invoke_ns"`
			Complete   *int64 `json:"complete_ns"`
			Process    int32  `json:"process"`
			Session    int32  `json:"session"`
			Node       string `json:"node"`
			ReadLevel  string `json:"read_level"`
			WriteLevel string `json:"write_level"`
			Outcome    string `json:"outcome"`
			Error      string `json:"error"`
			Note       string `json:"note"`
			Txn        []struct {
				F          string            `json:"f"`
				Key        string            `json:"key"`
				Arg        json.RawMessage   `json:"arg"`
				Expect     json.RawMessage   `json:"expect"`
				Ret        json.RawMessage   `json:"ret"`
				List       []json.RawMessage `json:"list"`
				Observed   bool              `json:"observed"`
				Version    int64             `json:"version"`
				Versioned  bool              `json:"versioned"`
				Predicate  bool              `json:"predicate"`
				Mismatched bool              `json:"mismatched"`
			} `json:"txn"`
		}
		if err := unmarshalStrict(line, &j); err != nil {
			t.Fatalf("accepted, and encoding/json says %v", err)
		}
		h := &r.b.h
		if int64(op.Invoke) != j.Invoke || op.Process != j.Process || op.Session != j.Session || op.Outcome.String() != j.Outcome ||
			h.NodeName(&op) != j.Node || h.LevelName(op.ReadLevel) != j.ReadLevel || h.LevelName(op.WriteLevel) != j.WriteLevel ||
			h.String(op.Error) != cleanText(j.Error, maxProseLen) || h.String(op.Note) != cleanText(j.Note, maxProseLen) || len(r.txn.Mops) != len(j.Txn) {
			t.Fatalf("%+v, want %+v", op, j)
		}
		value := func(raw json.RawMessage, v Value) {
			got := "0"
			if raw != nil {
				got = string(raw)
			}
			if i, ok := v.TextIndex(); ok {
				var s string
				if err := json.Unmarshal(raw, &s); err == nil && s != h.Texts[i] {
					t.Fatalf("%q, want %q", h.Texts[i], s)
				}
				return
			}
			if v == Absent && got == "null" || got == v.String() || got == "-0" && v == 0 {
				return
			}
			t.Fatalf("%s, want %s", v, got)
		}
		for i, m := range r.txn.Mops {
			want := j.Txn[i]
			if m.Func.String() != want.F || m.Key.String() != want.Key || m.Version != want.Version || (m.Flags&Predicate != 0) != want.Predicate || int(m.listLen) != len(want.List) {
				t.Fatalf("%+v, want %+v", m, want)
			}
			value(want.Arg, m.Arg)
			value(want.Expect, m.Expect)
			value(want.Ret, m.Ret)
			for k, v := range r.txn.List(i) {
				value(want.List[k], v)
			}
		}
	})
}
