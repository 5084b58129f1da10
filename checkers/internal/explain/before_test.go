package explain

import (
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestBefore: what wrote was acknowledged, whatever else there is completed.
func TestBefore(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: "lapse"})
	k := b.Key("k")
	for i, m := range []history.Mop{{Func: history.Write, Key: k, Arg: 1}, {Func: history.Read, Key: k, Ret: 1, Flags: history.Observed}, {Func: history.CAS, Key: k, Expect: 7, Arg: 2}} {
		outcome := history.OK
		if m.Func == history.CAS {
			outcome = history.Fail
		}
		b.AddPlain(history.Op{Process: int32(i), Session: int32(i), Invoke: 1, Complete: 2, Error: -1, Note: -1, Outcome: outcome}, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"it was acknowledged 1.5 ms before the other was invoked", "it completed 1.5 ms before the other was invoked", "it completed 1.5 ms before the other was invoked"} {
		if got := Before(h, i, 1_500_000); got != want {
			t.Errorf("operation %d: %q, want %q", i, got, want)
		}
	}
}
