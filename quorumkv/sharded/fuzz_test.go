package sharded

import (
	"encoding/json"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// nothing is the state of a shard that has no keys. What is written is forgotten.
type nothing struct{}

func (nothing) Index() uint64                              { return 1 }
func (nothing) Get(string) (record.Record, error)          { return record.Record{}, nil }
func (nothing) Put(string, []byte) error                   { return nil }
func (nothing) Delete(string) error                        { return nil }
func (nothing) Remove(string) error                        { return nil }
func (nothing) Scan(string, int) ([]consensus.Pair, error) { return nil, nil }

// FuzzCall: no bytes in a log end a node: each is answered, and the same each time.
func FuzzCall(f *testing.F) {
	for _, v := range []verb{execute, prepare, decide, finish, forget, "?"} {
		b, err := json.Marshal(call{Verb: v, Txn: "t", Txns: []string{"t"}, Ops: []engine.Op{{Key: "k"}}, Shards: []int{0, 1}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := (&shard{}).apply(nothing{}, body)
		if err != nil {
			t.Fatalf("%q is an error: %v", body, err)
		}
		again, err := (&shard{}).apply(nothing{}, body)
		one, _ := json.Marshal(a)
		two, _ := json.Marshal(again)
		if err != nil || string(one) != string(two) {
			t.Errorf("%q is answered by %s and by %s, %v", body, one, two, err)
		}
	})
}

// FuzzOrphan: what a shard keeps of a transaction is read or refused.
func FuzzOrphan(f *testing.F) {
	for _, s := range []string{`{"home":1,"shards":[0,1]}`, `{"commit":true,"shards":[0]}`, `{`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, kind := range []string{keyPrepared, keyDecision} {
			o, err := parseOrphan(0, kind, consensus.Pair{Key: kind + "t", Record: record.Record{Value: value}})
			if err == nil && o.txn != "t" {
				t.Errorf("%q is of the transaction %q", value, o.txn)
			}
		}
	})
}
