package history

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFormatPage keeps docs/history-format.md true: its example is read, and its
// tables have the names and numbers of the code.
func TestFormatPage(t *testing.T) {
	b, err := os.ReadFile("../docs/history-format.md")
	must(t, err)
	page := string(b)
	_, example, ok := strings.Cut(page, "```json\n")
	if !ok {
		t.Fatal("there is no example")
	}
	example, _, _ = strings.Cut(example, "```")
	h, err := Decode(strings.NewReader(example), -1)
	must(t, err)
	if len(h.Ops) != 3 || len(h.Faults) != 1 || len(h.Events) != 1 || h.Torn {
		t.Errorf("the example has %d operations, %d faults, %d events, torn %v", len(h.Ops), len(h.Faults), len(h.Events), h.Torn)
	}
	for i, name := range funcNames {
		if name != "" && !strings.Contains(page, fmt.Sprintf("| %d | `%s` |", i, name)) {
			t.Errorf("function %d is not there as %s", i, name)
		}
	}
	for i := 0; i < colCount; i++ {
		if name := colNames[i]; !strings.Contains(page, fmt.Sprintf("| %d | %s |", i, name)) && !strings.Contains(page, ", "+name+" |") && !strings.Contains(page, " | "+name+",") {
			t.Errorf("column %d is not there as %s", i, name)
		}
	}
	for _, n := range []string{
		fmt.Sprint(int64(textBase + maxTexts)), fmt.Sprint(int64(Absent)),
		fmt.Sprintf("%d times the stored length", maxRatio), fmt.Sprint(ratioFree), fmt.Sprintf("arrays of %d numbers", predictorSlots),
	} {
		if !strings.Contains(page, n) {
			t.Errorf("%s is not on the page", n)
		}
	}
}

func TestSampledEvents(t *testing.T) {
	lag := Event{Kind: EventLag, Text: `{"node":"n2","behind_ms":1500,"not_received_bytes":1,"not_applied_bytes":8192}`}
	if l, ok := lag.Lag(); !ok || l != (Lag{"n2", 1500, 1, 8192}) || !lag.Sampled() {
		t.Errorf("%+v %v", l, ok)
	}
	place := Event{Kind: EventPlacement, Text: `{"key":3,"nodes":["n2","n4"]}`}
	if p, ok := place.Placement(); !ok || p.Key != 3 || len(p.Nodes) != 2 || !place.Sampled() {
		t.Errorf("%+v %v", p, ok)
	}
	for _, e := range []Event{{Kind: EventPhase, Text: "load"}, {Kind: EventLag, Text: "late"}, {Kind: EventPlacement, Text: "[]"}} {
		_, lag := e.Lag()
		_, place := e.Placement()
		if lag || place {
			t.Errorf("%+v is read as a sample", e)
		}
	}
}
