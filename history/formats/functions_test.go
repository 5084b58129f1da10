package formats

import (
	"bytes"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// What Jepsen's formats have no word for is refused, and not written without one: each function is one that comes back, or an error.
func TestEveryFunctionIsWrittenOrRefused(t *testing.T) {
	written := 0
	for f := history.Func(1); f.String() != "?"; f++ {
		for _, format := range []string{"edn", "elle-json"} {
			b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
			var txn history.Txn
			txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: b.Key("k")})
			b.Add(history.Op{Invoke: 1, Complete: history.Never, Outcome: history.Info, Error: -1, Note: -1, Node: -1}, &txn)
			h, err := b.History()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := Write(&out, format, h); err != nil {
				continue
			}
			written++
			if _, _, err := readBytes("round", out.Bytes(), Options{Format: format}); err != nil {
				t.Errorf("%s in %s is written as %s, and that is read: %v", f, format, out.String(), err)
			}
		}
	}
	if written < 20 {
		t.Errorf("only %d functions are written at all", written)
	}
}
