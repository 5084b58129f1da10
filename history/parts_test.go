package history

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// together are all operations of parts as one history.
func together(t testing.TB, p *Parts) *History {
	t.Helper()
	all := []*History{&p.Frame}
	for i := range p.Len() {
		var h History
		must(t, p.Read(i, &h))
		all = append(all, &h)
	}
	h, _ := Join(all)
	return h
}

// TestPartsOfTornFiles: what is in the parts of a file that ends anywhere is what its
// reader finds.
func TestPartsOfTornFiles(t *testing.T) {
	file := recordedBytes(t, 6)
	at := frames(t, file)
	for _, n := range append(places(file, at, 100), len(file)) {
		want, wantErr := Decode(bytes.NewReader(file[:n]), -1)
		p, err := Divide(bytes.NewReader(file[:n]), t.TempDir())
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("cut at %d of %d bytes: %v, the reader says %v", n, len(file), err, wantErr)
		}
		if err != nil {
			continue
		}
		got := together(t, p)
		if int64(len(got.Ops)) != p.Ops {
			t.Fatalf("cut at %d: %d operations, but Ops is %d", n, len(got.Ops), p.Ops)
		}
		identical(t, got, want)
		identical(t, walked(t, p), want)
		must(t, p.Close())
	}
}

// TestFollowShowsWhatStands: who follows a file that ends anywhere sees what its parts have,
// and nothing else.
func TestFollowShowsWhatStands(t *testing.T) {
	file := recordedBytes(t, 6)
	for _, n := range append(places(file, frames(t, file), 100), len(file)) {
		seen, calls := map[string]int{}, 0
		add := func(h *History, by int) {
			for i := range h.Ops {
				op := &h.Ops[i]
				seen[fmt.Sprint(op.Process, op.Invoke, op.Outcome, h.Mops(op))] += by
			}
		}
		p, err := Follow(bytes.NewReader(file[:n]), t.TempDir(), func(h *History) { add(h, 1); calls++ })
		if err != nil {
			continue // it ends inside its header
		}
		add(together(t, p), -1)
		for op, times := range seen {
			if times != 0 {
				t.Fatalf("cut at %d of %d bytes: %s was seen and is not there, or the reverse", n, len(file), op)
			}
		}
		if n == len(file) && calls < 3 {
			t.Errorf("all operations came at once, in %d calls", calls)
		}
		must(t, p.Close())
	}
}

// TestPartsOfAnyHistory: the same for random histories in both formats, where operations
// are each about one key; and for any that is not divided.
func TestPartsOfAnyHistory(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		h := genHistory(r)
		for name, encode := range map[string]func(*bytes.Buffer) error{
			"binary": func(b *bytes.Buffer) error { return Encode(b, h) },
			"text":   func(b *bytes.Buffer) error { return EncodeText(b, h) },
		} {
			var file bytes.Buffer
			must(t, encode(&file))
			want, err := Decode(bytes.NewReader(file.Bytes()), -1)
			must(t, err)
			whole, err := FollowWhole(bytes.NewReader(file.Bytes()), dir, func(*History) {})
			must(t, err)
			var one History
			must(t, whole.Read(0, &one))
			identical(t, &one, want)
			must(t, whole.Close())
			followAny(r, t, file.Bytes(), dir)
			p, err := Divide(&file, dir)
			if several(want) {
				if !errors.Is(err, ErrIndivisible) {
					r.Fatalf("%s: an operation is about several keys, and the error is %v", name, err)
				}
				continue
			}
			must(t, err)
			for _, got := range []*History{together(t, p), walked(t, p)} {
				got.Ambiguous = want.Ambiguous
				identical(t, got, want)
			}
			must(t, p.Close())
		}
	})
}

// followAny: FollowAny of a file, or of its beginning, has what FollowWhole has of it, in one part if it must.
func followAny(r *rapid.T, t *testing.T, file []byte, dir string) {
	file = file[:rapid.IntRange(0, len(file)).Draw(r, "cut")]
	whole, err := FollowWhole(bytes.NewReader(file), dir, func(*History) {})
	if err != nil {
		return // it ends inside its header
	}
	var want History
	must(t, whole.Read(0, &want))
	any, err := FollowAny(bytes.NewReader(file), dir, func(*History) {})
	must(t, err)
	if any.Ops != whole.Ops || any.LastChange != whole.LastChange {
		r.Fatalf("%d operations, the last change at %d; expected %d and %d", any.Ops, any.LastChange, whole.Ops, whole.LastChange)
	}
	if several(&want) && any.Len() != 1 {
		r.Fatalf("an operation is about several keys, and there are %d parts", any.Len())
	}
	got := together(t, any)
	got.Ambiguous = want.Ambiguous
	identical(t, got, &want)
	must(t, errors.Join(any.Close(), whole.Close()))
}

func several(h *History) bool {
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			if mops[j].Key != mops[0].Key {
				return true
			}
		}
	}
	return false
}

// TestPartsRefuseDisorder: a process that does two things at once, or whose operations come
// in another order, is not taken for one that does not.
func TestPartsRefuseDisorder(t *testing.T) {
	for name, ops := range map[string]string{
		"later first": `{"type":"op","invoke_ns":50,"complete_ns":60,"process":1,"session":1,"outcome":"ok","txn":[{"f":"read","key":"k1","ret":null}]}
{"type":"op","invoke_ns":10,"complete_ns":20,"process":1,"session":1,"outcome":"ok","txn":[{"f":"read","key":"k1","ret":null}]}
`,
		"overlapping": `{"type":"op","invoke_ns":10,"complete_ns":60,"process":1,"session":1,"outcome":"ok","txn":[{"f":"read","key":"k1","ret":null}]}
{"type":"op","invoke_ns":20,"complete_ns":30,"process":1,"session":1,"outcome":"ok","txn":[{"f":"read","key":"k2","ret":null}]}
`,
		"after an info": `{"type":"op","invoke_ns":10,"process":1,"session":1,"outcome":"info","txn":[{"f":"read","key":"k1"}]}
{"type":"op","invoke_ns":20,"complete_ns":30,"process":1,"session":1,"outcome":"ok","txn":[{"f":"read","key":"k2","ret":null}]}
`,
	} {
		text := `{"type":"header","format":"lapse-history","version":1,"source":"test","levels":[""],"initial":null}` + "\n" + ops + `{"type":"end"}` + "\n"
		if _, err := Divide(bytes.NewReader([]byte(text)), t.TempDir()); !errors.Is(err, ErrDisorder) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
