package formats

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// Each workload by a few lines, of processes that begin with the one given.
var workloadLines = map[string]string{
	"register": `{:process P, :type :ok, :f :write, :value 1}
{:process P, :type :ok, :f :read, :value 1}
`,
	"set": `{:process P, :type :ok, :f :add, :value 5}
{:process P, :type :ok, :f :read, :value [5]}
`,
	"counter": `{:process P, :type :ok, :f :increment, :value 1}
{:process P, :type :ok, :f :read, :value 1}
`,
	"bank": `{:process P, :type :ok, :f :transfer, :value {:from 0, :to 1, :amount 3}}
{:process P, :type :ok, :f :read, :value {0 7, 1 13}}
`,
	"queue": `{:process P, :type :ok, :f :enqueue, :value 1}
{:process P, :type :ok, :f :dequeue, :value 1}
`,
	"lock": `{:process P, :type :ok, :f :acquire, :value nil}
{:process P, :type :ok, :f :release, :value nil}
`,
	"logs": `{:process P, :type :ok, :f :send, :value [[:send 0 [0 1]]]}
{:process P, :type :ok, :f :assign, :value [0]}
{:process P, :type :ok, :f :poll, :value [[:poll {0 [[0 1]]}]]}
`,
	"append": `{:process P, :type :ok, :f :txn, :value [[:append :x 1]]}
{:process P, :type :ok, :f :txn, :value [[:r :x [1]]]}
`,
	"transactions on registers": `{:process P, :type :ok, :f :txn, :value [[:w :x 2]]}
{:process P, :type :ok, :f :txn, :value [[:r :x 2]]}
`,
}

// linesOf has an invocation for each completion.
func linesOf(name, process string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(workloadLines[name], "P", process)) {
		b.WriteString(strings.Replace(line, ":ok", ":invoke", 1))
		b.WriteString(line)
	}
	return b.String()
}

// TestMixedWorkloads: a file of one workload is read. One of two is refused with the line, or its operations are of functions
// that no one type has, so that no model takes it for one; or both are transactions, which may well be on lists and registers.
func TestMixedWorkloads(t *testing.T) {
	read := func(text string) (*history.History, error) {
		h, _, err := readBytes("test", []byte(text), Options{Format: "edn"})
		return h, err
	}
	for a := range workloadLines {
		if _, err := read(linesOf(a, "0")); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		for b := range workloadLines {
			if a == b {
				continue
			}
			h, err := read(linesOf(a, "0") + linesOf(b, "1"))
			txns := strings.Count(workloadLines[a]+workloadLines[b], ":txn") / 2
			switch {
			case txns == 1 && a != "logs" && b != "logs":
				if err == nil || !strings.Contains(err.Error(), "mixes workloads") || !strings.Contains(err.Error(), "test:") {
					t.Errorf("%s and %s: %v", a, b, err)
				}
			case err != nil:
				if !strings.Contains(err.Error(), "test:") || !strings.Contains(err.Error(), "the history is taken for") {
					t.Errorf("%s and %s are refused with %v", a, b, err)
				}
			case txns == 0 && ofOneType(h):
				t.Errorf("%s and %s are taken for %s", a, b, h.Header.Attributes[AttributeType])
			}
		}
	}
}

// ofOneType tells whether all operations of h are of functions that one type of object has.
func ofOneType(h *history.History) bool {
	for _, funcs := range [][]history.Func{
		{history.Read, history.Write, history.CAS, history.Delete}, {history.Add, history.Remove, history.Clear, history.ReadSet},
		{history.Increment, history.ReadCounter}, {history.Append, history.ReadList}, {history.Enqueue, history.Dequeue},
		{history.Acquire, history.Release}, {history.Send, history.Poll, history.Assign},
	} {
		of := map[history.Func]bool{}
		for _, f := range funcs {
			of[f] = true
		}
		all := true
		for i := range h.Ops {
			for _, m := range h.Mops(&h.Ops[i]) {
				all = all && of[m.Func]
			}
		}
		if all {
			return true
		}
	}
	return false
}
