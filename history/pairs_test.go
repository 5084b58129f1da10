package history

import (
	"fmt"
	"reflect"
	"strings"

	"pgregory.net/rapid"
)

// genText makes names and texts, of nasty ones too.
func genText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "k1", "null", "\"", "\\", "ü", "日本", "<&>", "a b", "#"}),
		rapid.String(),
		rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes"))
		}),
	)
}

// genName makes what a header can hold.
func genName() *rapid.Generator[string] {
	return rapid.Map(genText(), func(s string) string { return strings.ToValidUTF8(s, "?") })
}

func genHeader(t *rapid.T) Header {
	distinct := func(label string, most int) []string {
		all := rapid.SliceOfNDistinct(rapid.Map(genName(), func(s string) string { return "n" + s }), 0, most, rapid.ID[string]).Draw(t, label)
		if len(all) == 0 {
			return nil
		}
		return all
	}
	h := Header{
		Run:    genName().Draw(t, "run"),
		Source: rapid.SampledFrom([]string{SourceLapse, "edn"}).Draw(t, "source"),
		Target: genName().Draw(t, "target"),
		Seed:   rapid.Uint64().Draw(t, "seed"),
		Nodes:  distinct("nodes", 4),
		Levels: append([]string{""}, distinct("levels", 3)...),
		Start:  "2026-01-02T03:04:05Z",
	}
	h.Initial = rapid.SampledFrom([]Value{Absent, 0, 7}).Draw(t, "initial")
	if m := rapid.MapOfN(genName(), genName(), 0, 3).Draw(t, "attributes"); len(m) > 0 {
		h.Attributes = m
	}
	return h
}

// genMop makes a micro-operation with the next unique value in its Arg.
func genMop(t *rapid.T, b *Builder, next *Value, named bool, txn *Txn) {
	*next++
	value := func(label string) Value {
		return rapid.Custom(func(t *rapid.T) Value {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				return Absent
			case 1:
				return b.Text(genText().Draw(t, "text"))
			}
			return Value(max(rapid.Int64().Draw(t, "n"), int64(textBase+maxTexts)))
		}).Draw(t, label)
	}
	f := Func(rapid.IntRange(int(Read), len(funcNames)-1).Draw(t, "func"))
	m := Mop{Func: f, Flags: MopFlags(rapid.IntRange(0, int(allFlags)).Draw(t, "flags"))}
	m.Key = Key(rapid.OneOf(rapid.Int32Range(0, 5), rapid.Int32Range(0, 1<<31-1)).Draw(t, "key"))
	if named {
		m.Key = b.Key(genText().Draw(t, "name"))
	}
	switch {
	case f.Installs():
		m.Arg = *next
	case f.takesArg():
		m.Arg = value("arg")
	}
	if f == CAS || f == Transfer {
		m.Expect = value("expect")
	}
	if m.Flags&Observed != 0 && !f.lists() {
		m.Ret = value("ret")
	}
	if m.Flags&Versioned != 0 {
		m.Version = rapid.Int64().Draw(t, "version")
	}
	txn.Mops = append(txn.Mops, m)
	if m.Flags&Observed != 0 && f.lists() {
		n := rapid.IntRange(0, 4).Draw(t, "elements")
		if f == Poll {
			n *= 2
		}
		var list []Value
		for range n {
			list = append(list, value("element"))
		}
		txn.SetList(len(txn.Mops)-1, list)
	}
}

// genHistory makes a history that Validate accepts.
func genHistory(t *rapid.T) *History {
	b := NewBuilder(genHeader(t))
	named := rapid.Bool().Draw(t, "named")
	var next Value
	for p := range rapid.IntRange(0, 4).Draw(t, "processes") {
		at := Time(0)
		for range rapid.IntRange(0, 12).Draw(t, "ops") {
			op := Op{
				Invoke: at + Time(rapid.Int64Range(0, 1000).Draw(t, "idle")), Process: int32(p * 7), Session: rapid.Int32().Draw(t, "session"),
				Outcome: Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")),
				Error:   b.String(genText().Draw(t, "error")), Note: b.String(genText().Draw(t, "note")),
				Node:       int16(rapid.IntRange(-1, len(b.h.Header.Nodes)-1).Draw(t, "node")),
				ReadLevel:  uint8(rapid.IntRange(0, len(b.h.Header.Levels)-1).Draw(t, "read level")),
				WriteLevel: uint8(rapid.IntRange(0, len(b.h.Header.Levels)-1).Draw(t, "write level")),
			}
			op.Complete = op.Invoke + Time(rapid.Int64Range(0, 1_000_000).Draw(t, "span"))
			at = op.Complete
			if op.Outcome == Info {
				op.Complete = Never
			}
			var txn Txn
			for range rapid.IntRange(1, 4).Draw(t, "mops") {
				genMop(t, b, &next, named, &txn)
			}
			b.Add(op, &txn)
			if op.Outcome == Info {
				break
			}
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "faults") {
		b.AddFault(Fault{
			ID: i + 1, Kind: genText().Draw(t, "kind"), Name: genText().Draw(t, "name"),
			Nodes: []string{"n1"}, Groups: [][]string{{"n1"}, {"n2", "n3"}},
			Injected: Time(rapid.Int64Range(0, 1000).Draw(t, "injected")), Proof: []string{genText().Draw(t, "proof")},
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "events") {
		b.AddEvent(Event{Time(rapid.Int64Range(0, 1000).Draw(t, "at")), genText().Draw(t, "kind"), genText().Draw(t, "text")})
	}
	if rapid.Bool().Draw(t, "torn") {
		b.h.Torn = true
	}
	h, err := b.History()
	if err != nil {
		t.Fatalf("the generator made an impossible history: %v", err)
	}
	return h
}

// normal is what a history says, without the numbers of its tables: the way to
// compare histories whose tables may stand in another order.
func normal(h *History) []string {
	header := h.Header
	header.Initial = 0
	out := []string{fmt.Sprintf("%+v initial %s torn %v ambiguous %v", header, exact(h, h.Header.Initial), h.Torn, h.Ambiguous)}
	for i := range h.Faults {
		out = append(out, fmt.Sprintf("%+v", h.Faults[i]))
	}
	for _, e := range h.Events {
		out = append(out, fmt.Sprintf("%+v", e))
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		var s strings.Builder
		fmt.Fprintf(&s, "%d %d %d %d %s %q %q %q %q %q", op.Invoke, op.Complete, op.Process, op.Session, op.Outcome,
			h.NodeName(op), h.LevelName(op.ReadLevel), h.LevelName(op.WriteLevel), h.String(op.Error), h.String(op.Note))
		for j := range h.Mops(op) {
			m := &h.Mops(op)[j]
			fmt.Fprintf(&s, " | %s %q arg %s expect %s ret %s version %d flags %b", m.Func, h.KeyName(m.Key),
				exact(h, m.Arg), exact(h, m.Expect), exact(h, m.Ret), m.Version, m.Flags)
			for _, v := range h.List(m) {
				s.WriteString(" " + exact(h, v))
			}
		}
		out = append(out, s.String())
	}
	return out
}

// exact is v without shortening.
func exact(h *History, v Value) string {
	if i, ok := v.TextIndex(); ok {
		return fmt.Sprintf("%q", h.Texts[i])
	}
	return v.String()
}

// sameMeaning compares what two histories say.
func sameMeaning(t interface{ Fatalf(string, ...any) }, got, want *History) {
	g, w := normal(got), normal(want)
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("line %d:\n got %s\nwant %s", i, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Fatalf("%d lines, want %d", len(g), len(w))
	}
}

// identical compares two histories table by table.
func identical(t interface{ Fatalf(string, ...any) }, got, want *History) {
	sameMeaning(t, got, want)
	if !reflect.DeepEqual(got.Strings, want.Strings) || !reflect.DeepEqual(got.Texts, want.Texts) || !reflect.DeepEqual(got.KeyNames, want.KeyNames) {
		t.Fatalf("the name tables differ")
	}
	for i := range got.Ops {
		g, w := got.Ops[i], want.Ops[i]
		g.mopAt, w.mopAt = 0, 0
		if g != w {
			t.Fatalf("operation %d: got %+v, want %+v", i, g, w)
		}
	}
}
