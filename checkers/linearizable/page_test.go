package linearizable

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/history"
)

// TestPage draws a witness out of a long history with missing answers and a
// fault, and checks that the page is small and shows what it must.
func TestPage(t *testing.T) {
	h, err := gen.Shape{Ops: 20000, Clients: 10, Keys: 2, Writes: 0.4, Info: 0.05, Stale: true, Nodes: 3}.History(7)
	if err != nil {
		t.Fatal(err)
	}
	v := check(t, Auto, h)
	if v.Total != 1 {
		t.Fatalf("%d violations", v.Total)
	}
	x := v.Violations[0]
	h.Faults = []history.Fault{{ID: 1, Kind: "partition", Name: "isolate n1 </script>", Injected: h.Ops[x.Ops[0]].Invoke, TookEffect: 1, Healed: x.At + 5}}
	var page bytes.Buffer
	if err := PorcupinePage(context.Background(), h, x, &page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if len(text) > 3<<20 || !strings.Contains(text, "<html") || !strings.Contains(text, "isolate n1") {
		t.Errorf("a page of %d bytes that shows no fault", len(text))
	}
	if strings.Count(text, `<div id="legend">`) != 1 || strings.Count(text, "<head><meta http-equiv") != 1 || strings.Count(text, legendWhole) != 1 {
		t.Error("Porcupine's page is of another shape: its legend may be cut, and it has no policy")
	}
	if strings.Contains(text, "isolate n1 </script>") {
		t.Error("text from the history is not escaped")
	}
	t.Logf("%d bytes for: %s", len(text), x.Sentence)
}

// TestPageErrors checks that what cannot be drawn is an error and no panic.
func TestPageErrors(t *testing.T) {
	h := build(t, op{1, 1, 2, history.Write, 97, 0, false}, op{2, 3, 4, history.Read, 97, 0, false})
	for name, v := range map[string]checkers.Violation{
		"no operations": {},
		"legal":         {Ops: []int{0, 1}},
	} {
		if err := PorcupinePage(context.Background(), h, v, &bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
