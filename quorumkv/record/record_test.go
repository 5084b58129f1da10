package record

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"pgregory.net/rapid"
)

func rec(ts int64, node, value string) Record {
	return Record{Version: Version{hlc.Timestamp(ts), node}, Value: []byte(value)}
}

func del(ts int64, node string) Record {
	return Record{Version: Version{hlc.Timestamp(ts), node}, Tombstone: true}
}

func TestCompareOrder(t *testing.T) {
	ascending := []Record{
		{},
		rec(1, "n9", "9"),
		rec(2, "n1", "9"),
		rec(2, "n2", "1"),
		rec(2, "n2", "2"),
		del(2, "n2"),
		rec(2, "n3", ""),
		rec(3, "n1", ""),
	}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("Compare(%v, %v) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestLive(t *testing.T) {
	if (Record{}).Live() || del(1, "n1").Live() || !rec(1, "n1", "").Live() {
		t.Fatal("only a written, not deleted record is live")
	}
}

func anyRecord() *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		if rapid.IntRange(0, 9).Draw(t, "absent") == 0 {
			return Record{}
		}
		r := Record{Version: Version{
			Time: hlc.Timestamp(rapid.Int64Range(1, int64(hlc.Max)).Draw(t, "time")),
			Node: rapid.StringOfN(rapid.RuneFrom([]rune("abn123-")), 1, 12, MaxNodeName).Draw(t, "node"),
		}}
		if rapid.Bool().Draw(t, "tombstone") {
			r.Tombstone = true
		} else if v := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value"); len(v) > 0 {
			r.Value = v
		}
		return r
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord().Draw(t, "record")
		got, err := Parse(r.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got.Compare(r) != 0 || got.Tombstone != r.Tombstone {
			t.Fatalf("wrote %+v, read %+v", r, got)
		}
	})
}

func TestCompareIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := rapid.SliceOfN(anyRecord(), 3, 8).Draw(t, "records")
		slices.SortFunc(rs, Record.Compare)
		for i := range rs {
			for j := i; j < len(rs); j++ {
				if rs[i].Compare(rs[j]) > 0 || rs[j].Compare(rs[i]) < 0 {
					t.Fatalf("not transitive or not antisymmetric: %v, %v", rs[i], rs[j])
				}
			}
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := rec(7, "n1", "x").AppendTo(nil)
	mutate := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, b := range map[string][]byte{
		"short":             good[:9],
		"negative time":     mutate(func(b []byte) []byte { b[0] = 0x80; return b }),
		"time too large":    mutate(func(b []byte) []byte { b[0] = 0x7f; return b }),
		"unknown flag":      mutate(func(b []byte) []byte { b[8] = 2; return b }),
		"long node":         mutate(func(b []byte) []byte { b[9] = 9; return b }),
		"no node":           mutate(func(b []byte) []byte { b[9] = 0; return b[:10] }),
		"zero time":         mutate(func(b []byte) []byte { b[7] = 0; return b }),
		"tombstone + value": mutate(func(b []byte) []byte { b[8] = 1; return b }),
	} {
		if _, err := Parse(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rec(7, "n1", "x").AppendTo(nil))
	f.Add(del(7, "n1").AppendTo(nil))
	f.Add(Record{}.AppendTo(nil))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		if out := r.AppendTo(nil); !bytes.Equal(out, b) {
			t.Fatalf("%x reads as %+v and writes as %x", b, r, out)
		}
		if v, err := ParseVersion(b); err != nil || v != r.Version {
			t.Fatalf("ParseVersion: %v, %v; Parse: %v", v, err, r.Version)
		}
	})
}
