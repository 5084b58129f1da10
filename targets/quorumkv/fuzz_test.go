package quorumkv

import (
	"encoding/json"
	"slices"
	"testing"
)

// FuzzUnite merges two values that a node may give as siblings of a set: the union has every element of both, once, or it is said that one is no set.
func FuzzUnite(f *testing.F) {
	for _, s := range [][2]string{{`["1","2"]`, `["2","3"]`}, {`[]`, `null`}, {`["1"]`, `7`}, {``, `[]`}, {`["1",2]`, `[]`}, {`{"1":1}`, `["1"]`}} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		all, err := unite([][]byte{a, b})
		var one, other []string
		if sets := json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil; sets != (err == nil) {
			t.Fatalf("%q and %q: %v", a, b, err)
		}
		if err != nil {
			return
		}
		want := map[string]bool{}
		for _, e := range slices.Concat(one, other) {
			want[e] = true
		}
		if len(all) != len(want) || slices.ContainsFunc(all, func(e string) bool { return !want[e] }) {
			t.Errorf("%q and %q: %q", a, b, all)
		}
	})
}
