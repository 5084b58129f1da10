package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestReadmeWitness makes a history of the operations that the README shows as a proof, which must be refuted, and printed as they stand there.
func TestReadmeWitness(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(page), "\nVIOLATION 1 of ")
	shown, _, ends := strings.Cut(shown, "\n```")
	if !ok || !ends {
		t.Fatal("the README shows no witness")
	}
	head, shown, _ := strings.Cut(shown, "\n")
	model := regexp.MustCompile(`^\d+  (\S+): `).FindStringSubmatch(head)
	if model == nil {
		t.Fatalf("the README's witness is of no model: %s", head)
	}
	file := filepath.Join(t.TempDir(), "h.jsonl")
	if err := os.WriteFile(file, []byte(historyOf(t, shown)), 0o666); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"check", file, "--model", model[1]}, &out, &errs); code != verdict.ExitViolated {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	_, printed, _ := strings.Cut(out.String(), "\nVIOLATION 1 of 1  ")
	if want := strings.TrimPrefix(head, model[0]); !strings.Contains(printed, want) {
		t.Errorf("the headline is %q, and the README has %q", printed, head)
	}
	for line := range strings.Lines(shown + "\n") {
		if !strings.Contains(printed, line) {
			t.Errorf("the README shows a line that is not printed:\n%sprinted is:\n%s", line, printed)
		}
	}
}

// TestReadmeCountsDefects: the README says how many defects the store has.
func TestReadmeCountsDefects(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(\d+) defects`).FindAllStringSubmatch(string(page), -1)
	if len(said) == 0 {
		t.Fatal("the README does not say how many defects there are")
	}
	for _, s := range said {
		if want := strconv.Itoa(len(defect.All())); s[1] != want {
			t.Errorf("the README says %s, and there are %s", s[0], want)
		}
	}
}

// TestReadmeDoctor: what lapse doctor looks at is what the README shows, in its order.
func TestReadmeDoctor(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "\n$ lapse doctor\n")
	shown, _, ok := strings.Cut(shown, "```")
	if !ok {
		t.Fatal("the README does not show lapse doctor")
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"doctor", "--cache", t.TempDir()}, &out, &errs); code != verdict.ExitHeld {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	looks := func(text string) (all []string) {
		for line := range strings.Lines(text) {
			if words := strings.Fields(line); len(words) > 1 {
				all = append(all, words[0]+" "+words[1])
			}
		}
		return all
	}
	if want, got := looks(out.String()), looks(shown); !slices.Equal(got, want) {
		t.Errorf("the README shows\n%q, and lapse doctor looks at\n%q", got, want)
	}
}

// historyOf are lines of JSON with the operations and the fault of a witness on a register as it is printed. Times are printed
// without what is below a microsecond: the last operation begins as long after the one before it as the sentence says.
func historyOf(t *testing.T, shown string) string {
	t.Helper()
	at := func(seconds string) int64 {
		f, err := strconv.ParseFloat(seconds, 64)
		if err != nil {
			t.Fatal(err)
		}
		return int64(f*1e6+0.5) * 1000
	}
	ops := regexp.MustCompile(`#\d+  t=([0-9.]+)\.\.([0-9.]+) s  session (\d+)  (?:write (\w+)=(\d+)|read (\w+) -> (\d+))  ok via (\w+) at ([RW])=(\w+)  \[(.*)\]`).FindAllStringSubmatch(shown, -1)
	fault := regexp.MustCompile(`fault: (.*) since ([0-9.]+) s, healed at ([0-9.]+) s`).FindStringSubmatch(shown)
	gap := regexp.MustCompile(`and ([0-9.]+) (µs|ms) later`).FindStringSubmatch(shown)
	if len(ops) < 2 || fault == nil || gap == nil {
		t.Fatalf("a witness that cannot be read: %s", shown)
	}
	later, err := time.ParseDuration(gap[1] + gap[2])
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"header","format":"lapse-history","version":1,"source":"lapse","nodes":["n1","n2","n3"],"levels":["",%q],"initial":null}`+"\n", ops[0][10])
	fmt.Fprintf(&b, `{"type":"fault","id":1,"kind":"partition","name":%q,"injected_ns":%d,"bit_ns":%d,"healing_ns":%d,"healed_ns":%d}`+"\n", fault[1], at(fault[2]), at(fault[2]), at(fault[3]), at(fault[3]))
	for i, op := range ops {
		invoked, level, mop := at(op[1]), "write_level", fmt.Sprintf(`{"f":"write","key":%q,"arg":%s}`, op[4], op[5])
		if op[9] == "R" {
			level, mop = "read_level", fmt.Sprintf(`{"f":"read","key":%q,"ret":%s}`, op[6], op[7])
		}
		if i == len(ops)-1 {
			invoked = at(ops[i-1][2]) + later.Nanoseconds()
		}
		fmt.Fprintf(&b, `{"type":"op","invoke_ns":%d,"complete_ns":%d,"process":%s,"session":%s,"node":%q,%q:%q,"outcome":"ok","note":%q,"txn":[%s]}`+"\n",
			invoked, at(op[2]), op[3], op[3], op[8], level, op[10], op[11], mop)
	}
	fmt.Fprintf(&b, `{"type":"end","ops":%d,"faults":1,"events":0}`+"\n", len(ops))
	return b.String()
}
