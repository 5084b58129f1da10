package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

const (
	textFormat  = "lapse-history"
	textVersion = 1
	// maxLine bounds a line of a text history.
	maxLine = 64 << 20
)

// textHeader is the first line of a text history.
type textHeader struct {
	Type    string `json:"type"`
	Format  string `json:"format"`
	Version int    `json:"version"`
	// NamedKeys: keys are named as the source named them, not k0, k1, ...
	NamedKeys bool `json:"named_keys,omitempty"`
	Header
	// Initial shadows Header.Initial: null is Absent.
	Initial json.RawMessage `json:"initial"`
}

type textFault struct {
	Type string `json:"type"`
	Fault
}

type textEvent struct {
	Type string `json:"type"`
	Event
}

// textEnd is the last line of a text history.
type textEnd struct {
	Type   string `json:"type"`
	Ops    *int64 `json:"ops,omitempty"`
	Faults *int64 `json:"faults,omitempty"`
	Events *int64 `json:"events,omitempty"`
	Torn   bool   `json:"torn,omitempty"`
}

// writerFor chooses the format by the name of the file.
func writerFor(path string) (func(io.Writer, *History) error, error) {
	switch {
	case strings.HasSuffix(path, ".lapse"):
		return Encode, nil
	case strings.HasSuffix(path, ".jsonl"):
		return EncodeText, nil
	case strings.HasSuffix(path, ".jsonl.gz"):
		return func(w io.Writer, h *History) error {
			z := gzip.NewWriter(w)
			if err := EncodeText(z, h); err != nil {
				return err
			}
			return z.Close()
		}, nil
	case strings.HasSuffix(path, ".jsonl.zst"):
		return func(w io.Writer, h *History) error {
			z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			if err != nil {
				return err
			}
			if err := EncodeText(z, h); err != nil {
				_ = z.Close()
				return err
			}
			return z.Close()
		}, nil
	}
	return nil, fmt.Errorf("write history %s: the name must end in .lapse (binary), .jsonl, .jsonl.gz or .jsonl.zst (text)", path)
}

// EncodeText writes h as JSON lines: the header, then faults, events and
// operations, then the end.
func EncodeText(w io.Writer, h *History) error {
	header := h.Header
	if err := header.check(); err != nil {
		return err
	}
	t := &textWriter{h: h, out: bufio.NewWriterSize(w, 128<<10)}
	if err := t.checkKeys(); err != nil {
		return err
	}
	initial := t.appendValue(nil, header.Initial)
	err := t.line(textHeader{"header", textFormat, textVersion, len(h.KeyNames) > 0, header, initial})
	for i := range h.Faults {
		if err == nil {
			err = t.line(textFault{"fault", h.Faults[i]})
		}
	}
	for i := range h.Events {
		if err == nil {
			err = t.line(textEvent{"event", h.Events[i]})
		}
	}
	t.quoteTables()
	for i := range h.Ops {
		if err == nil {
			err = t.op(&h.Ops[i])
		}
	}
	if err != nil {
		return err
	}
	ops, faults, events := int64(len(h.Ops)), int64(len(h.Faults)), int64(len(h.Events))
	if err := t.line(textEnd{"end", &ops, &faults, &events, h.Torn}); err != nil {
		return err
	}
	return t.out.Flush()
}

type textWriter struct {
	h   *History
	out *bufio.Writer
	buf []byte
	// The tables as JSON strings, so that each name is escaped once.
	strings, texts, keys, nodes, levels [][]byte
}

// checkKeys refuses keys whose names are the same.
func (t *textWriter) checkKeys() error {
	if len(t.h.KeyNames) == 0 {
		return nil
	}
	names := make(map[string]Key, len(t.h.KeyNames))
	for i, n := range t.h.KeyNames {
		if j, ok := names[n]; ok {
			return fmt.Errorf("keys %d and %d are both named %s", j, i, quote(n))
		}
		names[n] = Key(i)
	}
	for i := range t.h.mops {
		k := t.h.mops[i].Key
		if int(k) < len(t.h.KeyNames) {
			continue
		}
		if j, ok := names[k.String()]; ok {
			return fmt.Errorf("key %d has no name, and its default name %s is that of key %d", k, k, j)
		}
	}
	return nil
}

func (t *textWriter) quoteTables() {
	quoted := func(names []string) [][]byte {
		out := make([][]byte, len(names))
		for i, s := range names {
			out[i] = jsonString(s)
		}
		return out
	}
	t.strings = quoted(t.h.Strings)
	t.keys = quoted(t.h.KeyNames)
	t.nodes = quoted(t.h.Header.Nodes)
	t.levels = quoted(t.h.Header.Levels)
	t.texts = make([][]byte, len(t.h.Texts))
	for i, s := range t.h.Texts {
		t.texts[i] = jsonText(s)
	}
}

// jsonString is s as JSON, without the escapes that only HTML needs.
func jsonString(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// Encoding a string to memory cannot fail.
	_ = e.Encode(s)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// jsonText is a text value: a string, or base64 if JSON cannot hold it.
func jsonText(s string) []byte {
	if utf8.ValidString(s) {
		return jsonString(s)
	}
	return []byte(`{"base64":"` + base64.StdEncoding.EncodeToString([]byte(s)) + `"}`)
}

func (t *textWriter) line(v any) error {
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (t *textWriter) op(op *Op) error {
	b := t.buf[:0]
	b = append(b, `{"type":"op","invoke_ns":`...)
	b = strconv.AppendInt(b, int64(op.Invoke), 10)
	if op.Outcome != Info {
		b = append(b, `,"complete_ns":`...)
		b = strconv.AppendInt(b, int64(op.Complete), 10)
	}
	b = append(b, `,"process":`...)
	b = strconv.AppendInt(b, int64(op.Process), 10)
	b = append(b, `,"session":`...)
	b = strconv.AppendInt(b, int64(op.Session), 10)
	if op.Node >= 0 && int(op.Node) < len(t.nodes) {
		b = append(append(b, `,"node":`...), t.nodes[op.Node]...)
	}
	if l := int(op.ReadLevel); l > 0 && l < len(t.levels) {
		b = append(append(b, `,"read_level":`...), t.levels[l]...)
	}
	if l := int(op.WriteLevel); l > 0 && l < len(t.levels) {
		b = append(append(b, `,"write_level":`...), t.levels[l]...)
	}
	b = append(b, `,"outcome":"`...)
	b = append(b, op.Outcome.String()...)
	b = append(b, '"')
	if op.Error >= 0 && int(op.Error) < len(t.strings) {
		b = append(append(b, `,"error":`...), t.strings[op.Error]...)
	}
	if op.Note >= 0 && int(op.Note) < len(t.strings) {
		b = append(append(b, `,"note":`...), t.strings[op.Note]...)
	}
	b = append(b, `,"txn":[`...)
	mops := t.h.Mops(op)
	for i := range mops {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.appendMop(b, &mops[i])
	}
	b = append(b, "]}\n"...)
	t.buf = b
	if len(b) > maxLine {
		return fmt.Errorf("operation of process %d at %d ns: a line of %d bytes, at most %d are allowed", op.Process, op.Invoke, len(b), maxLine)
	}
	_, err := t.out.Write(b)
	return err
}

func (t *textWriter) appendMop(b []byte, m *Mop) []byte {
	b = append(b, `{"f":"`...)
	b = append(b, m.Func.String()...)
	b = append(b, `","key":`...)
	if int(m.Key) < len(t.keys) {
		b = append(b, t.keys[m.Key]...)
	} else {
		b = append(b, `"k`...)
		b = strconv.AppendInt(b, int64(m.Key), 10)
		b = append(b, '"')
	}
	if m.Arg != 0 || m.Func.takesArg() {
		b = t.appendValue(append(b, `,"arg":`...), m.Arg)
	}
	if m.Expect != 0 || m.Func == CAS {
		b = t.appendValue(append(b, `,"expect":`...), m.Expect)
	}
	observed := m.Flags&Observed != 0
	told := false
	if m.Ret != 0 || observed && !m.Func.lists() {
		told = true
		b = t.appendValue(append(b, `,"ret":`...), m.Ret)
	}
	if m.Func.lists() && (m.listLen > 0 || observed) {
		told = true
		b = append(b, `,"list":[`...)
		for i, v := range t.h.List(m) {
			if i > 0 {
				b = append(b, ',')
			}
			b = t.appendValue(b, v)
		}
		b = append(b, ']')
	}
	if told && !observed {
		b = append(b, `,"observed":false`...)
	}
	versioned := m.Flags&Versioned != 0
	if versioned || m.Version != 0 {
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, m.Version, 10)
		if !versioned {
			b = append(b, `,"versioned":false`...)
		}
	}
	if m.Flags&Predicate != 0 {
		b = append(b, `,"predicate":true`...)
	}
	if m.Flags&Mismatched != 0 {
		b = append(b, `,"mismatched":true`...)
	}
	if m.Flags&Owned != 0 {
		b = append(b, `,"owned":true`...)
	}
	return append(b, '}')
}

func (t *textWriter) appendValue(b []byte, v Value) []byte {
	if v == Absent {
		return append(b, "null"...)
	}
	if i, ok := v.TextIndex(); ok && i < len(t.h.Texts) {
		if t.texts != nil {
			return append(b, t.texts[i]...)
		}
		return append(b, jsonText(t.h.Texts[i])...)
	}
	return strconv.AppendInt(b, int64(v), 10)
}
