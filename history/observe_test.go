package history

import (
	"path/filepath"
	"testing"
)

// TestObserverSeesTheFile: what an observer sees is what the file has, each operation once,
// with its names.
func TestObserverSeesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.lapse")
	seen := map[Time]string{}
	r, err := Create(path, Header{Nodes: []string{"n1"}}, flushEvery(0), WithObserver(func(h *History) {
		for i := range h.Ops {
			op := &h.Ops[i]
			if _, twice := seen[op.Invoke]; twice {
				t.Errorf("the operation at %d is seen twice", op.Invoke)
			}
			seen[op.Invoke] = h.String(op.Error) + h.Mop(op).Func.String()
		}
	}))
	must(t, err)
	c := r.Client()
	for i := range 50 {
		txn := Txn{Mops: []Mop{{Func: Write, Key: Key(i), Arg: Value(i + 1)}}}
		must(t, c.Invoke(0, 0, 0, 0, &txn))
		must(t, c.Complete(Fail, &txn, 0, "refused", ""))
		if i%7 == 0 {
			must(t, r.Sync())
		}
	}
	must(t, r.Close())
	h, err := ReadFile(path)
	must(t, err)
	if len(h.Ops) != 50 || len(seen) != 50 {
		t.Fatalf("%d operations, of which %d were seen", len(h.Ops), len(seen))
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if want := h.String(op.Error) + h.Mop(op).Func.String(); seen[op.Invoke] != want || want == "" {
			t.Errorf("seen %q, the file has %q", seen[op.Invoke], want)
		}
	}
}
