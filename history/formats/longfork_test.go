package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestLongForkCompletions: what Jepsen's long-fork workload calls :read or :write is read as if it were called :txn, whatever its
// completion says; who completes it is a process with a number, with a name, or not named.
func TestLongForkCompletions(t *testing.T) {
	read := func(text string) (*history.History, string) {
		h, _, err := readBytes("test", []byte(text), Options{Format: "edn"})
		if err != nil {
			return nil, err.Error()
		}
		return h, ""
	}
	for _, process := range []string{":process 3, ", `:process "client a", `, ""} {
		for _, value := range []string{"[[:r 0 1] [:r 1 nil]]", "[[:r 0 1]]", "[]", "nil", "5", `"timed out"`, "[5]"} {
			for _, typ := range []string{":ok", ":fail", ":info"} {
				lines := `{:process 1, :type :invoke, :f :write, :value [[:w 0 1]]}
{:process 1, :type :ok, :f :write, :value [[:w 0 1]]}
{P:type :invoke, :f :read, :value [[:r 0 nil] [:r 1 nil]]}
{P:type TYPE, :f :read, :value VALUE}
{:process 1, :type :invoke, :f :write, :value [[:w 1 2]]}
{:process 1, :type :ok, :f :write, :value [[:w 1 2]]}
`
				lines = strings.NewReplacer("P:", process+":", "TYPE", typ, "VALUE", value).Replace(lines)
				named, wrong := read(lines)
				asTxn, wrongTxn := read(strings.NewReplacer(":f :read", ":f :txn", ":f :write", ":f :txn").Replace(lines))
				if wrong != wrongTxn {
					t.Errorf("%s: %q, and called :txn %q", lines, wrong, wrongTxn)
				}
				if named == nil || asTxn == nil {
					continue
				}
				if a, b := operations(named), operations(asTxn); a != b {
					t.Errorf("%s is read as\n%s, and called :txn as\n%s", lines, a, b)
				}
			}
		}
	}
}

// operations are those of h with what they did and saw.
func operations(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		fmt.Fprintf(&b, "%+v %+v\n", h.Ops[i], h.Mops(&h.Ops[i]))
	}
	return b.String()
}

// TestLongForkBesideRegister: what is no completion of such a transaction is none, and the file is told what is in it.
func TestLongForkBesideRegister(t *testing.T) {
	for _, c := range []struct{ last, want string }{
		{`{:process 1, :type :ok, :f :write, :value nil}`, ""},
		{`{:process 1, :type :ok, :f :write, :value []}`, ""},
		{`{:process 1, :type :ok, :f :write, :value nil} {:process 1, :type :invoke, :f :read, :value nil}`,
			"there is :read (line 2), which is about one object, and :write of micro-operations (line 1), which is about keys"},
		{`{:process 2, :type :ok, :f :write, :value nil}`,
			"there is :write (line 2), which is about one object, and :write of micro-operations (line 1), which is about keys"},
	} {
		text := `{:process 1, :type :invoke, :f :write, :value [[:w 0 1]]}` + "\n" + c.last
		_, _, err := readBytes("test", []byte(text), Options{Format: "edn"})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.last, err)
		}
	}
}
