package formats

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// porcupineDir finds Porcupine's module, whose tests ship histories and their
// verdicts.
func porcupineDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	if err != nil {
		t.Fatalf("finding Porcupine's module: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		t.Fatal("Porcupine's module is not in the module cache: run go mod download")
	}
	return dir
}

// registerModel is a register with absent as value, over operations as indexes
// into h: it is how our outcomes are to be read.
func registerModel(h *history.History) porcupine.Model {
	return porcupine.Model{
		PartitionEvent: func(events []porcupine.Event) [][]porcupine.Event {
			parts := map[history.Key][]porcupine.Event{}
			keys := map[int]history.Key{}
			var order []history.Key
			for _, e := range events {
				if e.Kind == porcupine.CallEvent {
					keys[e.Id] = h.Mop(&h.Ops[e.Value.(int)]).Key
				}
				k := keys[e.Id]
				if parts[k] == nil {
					order = append(order, k)
				}
				parts[k] = append(parts[k], e)
			}
			var out [][]porcupine.Event
			for _, k := range order {
				out = append(out, parts[k])
			}
			return out
		},
		Init: func() any { return textState(h, h.Header.Initial) },
		Hash: func(state any) uint64 {
			f := fnv.New64a()
			_, _ = f.Write([]byte(state.(string))) // cannot fail
			return f.Sum64()
		},
		Step: func(state, in, _ any) (bool, any) {
			st := state.(string)
			op := &h.Ops[in.(int)]
			m := h.Mop(op)
			switch m.Func {
			case history.Read:
				return op.Outcome != history.OK || st == textState(h, m.Ret), st
			case history.Write:
				return true, textState(h, m.Arg)
			case history.Concat:
				i, _ := m.Arg.TextIndex()
				return true, st + h.Texts[i]
			case history.CAS:
				match := st == textState(h, m.Expect)
				switch {
				case m.Flags&history.Mismatched != 0:
					return !match, st
				case op.Outcome == history.OK:
					return match, textState(h, m.Arg)
				case match:
					return true, textState(h, m.Arg)
				}
				return true, st
			}
			return false, st
		},
	}
}

func textState(h *history.History, v history.Value) string {
	if i, ok := v.TextIndex(); ok {
		return h.Texts[i]
	}
	return v.String()
}

// porcupineVerdict asks Porcupine about a history that we imported.
func porcupineVerdict(t testing.TB, h *history.History) porcupine.CheckResult {
	t.Helper()
	type stamp struct {
		at   history.Time
		call bool
		op   int
	}
	var stamps []stamp
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome == history.Fail && h.Mop(op).Flags&history.Mismatched == 0 {
			continue
		}
		stamps = append(stamps, stamp{op.Invoke, true, i}, stamp{op.Complete, false, i})
	}
	// Stamps are unique in these formats except for Never.
	slices.SortStableFunc(stamps, func(a, b stamp) int { return cmp.Compare(a.at, b.at) })
	var events []porcupine.Event
	for _, s := range stamps {
		kind := porcupine.ReturnEvent
		if s.call {
			kind = porcupine.CallEvent
		}
		events = append(events, porcupine.Event{Kind: kind, Value: s.op, Id: s.op, ClientId: int(h.Ops[s.op].Process)})
	}
	return porcupine.CheckEventsTimeout(registerModel(h), events, 5*time.Minute)
}

func result(ok bool) porcupine.CheckResult {
	if ok {
		return porcupine.Ok
	}
	return porcupine.Illegal
}

// TestPorcupineCollection reads every history in Porcupine's module and wants
// the verdict that Porcupine's own tests want.
func TestPorcupineCollection(t *testing.T) {
	dir := porcupineDir(t)
	source, err := os.ReadFile(filepath.Join(dir, "porcupine_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`checkJepsen\(t, (\d+), (true|false)\)`).FindAllSubmatch(source, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		known[fmt.Sprintf("jepsen/etcd_%03d.log", n)] = string(m[2]) == "true"
	}
	for _, m := range regexp.MustCompile(`checkKv\(t, "([^"]+)", (true|false), true\)`).FindAllSubmatch(source, -1) {
		known["kv/"+string(m[1])+".txt"] = string(m[2]) == "true"
	}
	files, err := filepath.Glob(filepath.Join(dir, "test_data", "*", "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		name := filepath.ToSlash(strings.TrimPrefix(file, filepath.Join(dir, "test_data")+string(filepath.Separator)))
		want, ok := known[name]
		if !ok {
			continue
		}
		checked++
		h, _, err := Read(file, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantSource := "porcupine-etcd"
		if strings.HasPrefix(name, "kv/") {
			wantSource = "porcupine-kv"
		}
		if h.Header.Source != wantSource {
			t.Errorf("%s: recognised as %s", name, h.Header.Source)
		}
		if got := porcupineVerdict(t, h); got != result(want) {
			t.Errorf("%s: Porcupine says %v of what was read, known %v", name, got, result(want))
		}
		// Our own checker says the same; the logs of texts are in its own tests.
		if wantSource == "porcupine-kv" {
			continue
		}
		v, err := linearizable.New(linearizable.Auto).Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (v.Status == checkers.Held) != want || v.Status == checkers.Inconclusive {
			t.Errorf("%s: verdict %s %v, known %v", name, v.Status, v.Reasons, result(want))
		}
	}
	if checked != len(known) || checked < 108 {
		t.Errorf("checked %d of %d histories with a known verdict", checked, len(known))
	}
}
