package multileader

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// What has gathered while leaders could not reach each other is told in messages that peers take, however large the values are.
func TestLargeValuesAreTold(t *testing.T) {
	for _, conflicts := range []Conflicts{LastWriteWins, Siblings, CRDT} {
		s := newSim(t, 1, 2, 2, conflicts)
		for n := range 60 {
			value := []byte(strings.Repeat("x", 64<<10))
			if d := s.do(s.loops["n1"], &task{write: &engine.WriteRequest{Key: fmt.Sprint(n), Value: value}}); d.err != nil {
				t.Fatal(d.err)
			}
		}
		must(t, s.settle())
		if got := len(s.loops["n2"].e.shown); got != 60 {
			t.Errorf("%s: n2 has %d of 60 keys", conflicts, got)
		}
		s.close()
	}
}

// A key grows until its state, with what all other leaders put in at once, would be told to nobody. Then nothing is put in, until something is removed.
func TestKeysAreBounded(t *testing.T) {
	large := func(n int) string { return fmt.Sprint(n, strings.Repeat("x", 60<<10)) }
	for name, of := range map[string]struct {
		conflicts Conflicts
		put       func(n int) *task
		remove    func(n int) *task
	}{
		"set": {CRDT, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Set, Key: "a", Element: large(n)}}
		}, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Set, Key: "a", Element: large(n), Remove: true}}
		}},
		"overwritten set": {LastWriteWins, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Set, Key: "a", Element: large(n)}}
		}, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Set, Key: "a", Element: large(n), Remove: true}}
		}},
		"map": {CRDT, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Map, Key: "a", By: engine.FieldChange{Field: fmt.Sprint(n), Type: engine.Register, Content: large(n)}}}
		}, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Map, Key: "a", By: engine.FieldChange{Field: fmt.Sprint(n), Drop: true}}}
		}},
		"overwritten map": {LastWriteWins, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Map, Key: "a", By: engine.FieldChange{Field: fmt.Sprint(n), Type: engine.Register, Content: large(n)}}}
		}, func(n int) *task {
			return &task{update: &engine.UpdateRequest{Type: engine.Map, Key: "a", By: engine.FieldChange{Field: fmt.Sprint(n), Drop: true}}}
		}},
		"siblings": {Siblings, func(n int) *task {
			return &task{write: &engine.WriteRequest{Key: "a", Value: []byte(large(n))}}
		}, nil},
	} {
		s := newSim(t, 1, 3, 3, of.conflicts)
		for at, node := range s.names { // all at once: none has heard of the others
			n, refused := 100*at, (*engine.Error)(nil)
			for ; refused == nil && n < 100*at+99; n++ {
				refused = s.do(s.loops[node], of.put(n)).err
			}
			if refused == nil || refused.Code != engine.CodeTooLarge || refused.Outcome != engine.NotWritten || n < 100*at+4 {
				t.Errorf("%s: number %d at %s: %v", name, n, node, refused)
			}
		}
		must(t, s.settle()) // which fails if a message is too large
		if of.remove != nil {
			if d := s.do(s.loops["n3"], of.remove(201)); d.err != nil {
				t.Errorf("%s: a removal from a key that is full: %v", name, d.err)
			}
		}
		must(t, s.settle())
		s.close()
	}
}

func TestSize(t *testing.T) {
	for _, m := range samples() {
		for _, i := range m.Items {
			if has, says := len(i.State.appendTo(nil)), i.State.size(); says < has || says > 3*has+200 {
				t.Errorf("%+v has %d bytes, and size says %d", i.State, has, says)
			}
		}
	}
}
