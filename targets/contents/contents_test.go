package contents_test

import (
	"errors"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/contents"
)

// TestParse: only a whole integer is one, and nothing foreign is dropped without a word.
func TestParse(t *testing.T) {
	const interned = history.Value(-77)
	asked := ""
	r := contents.Reader{Text: func(text string) history.Value { asked = text; return interned }}
	for _, test := range []struct {
		text string
		want history.Value
	}{{"7", 7}, {"-7", -7}, {"7 ", interned}, {"", interned}, {"7.0", interned}, {"9223372036854775808", interned}} {
		text, want := test.text, test.want
		asked = ""
		got, err := r.Parse(text)
		if err != nil || got != want || want == interned && asked != text {
			t.Errorf("%q: %v, %v, asked for %q; want %v", text, got, err, asked, want)
		}
	}
	if v, err := (contents.Reader{}).Parse("x"); !errors.Is(err, contents.ErrForeign) || v != history.Absent {
		t.Errorf("nowhere to keep a foreign value: %v, %v", v, err)
	}
}

// TestSee: of the same content a list is read as one and a value as one; what never was is
// 0 for counters alone; an error fills in nothing.
func TestSee(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		f    history.Func
		raw  string
		err  error
		want history.Value
		list int
	}{
		"value":           {f: history.Read, raw: "3", want: 3},
		"no value":        {f: history.Read, want: history.Absent},
		"counter":         {f: history.ReadCounter, raw: "3", want: 3},
		"no counter":      {f: history.ReadCounter, want: 0},
		"list":            {f: history.ReadList, raw: "3", list: 1},
		"set":             {f: history.ReadSet, raw: "3", list: 1},
		"broken value":    {f: history.Read, err: broken},
		"broken list":     {f: history.ReadList, err: broken},
		"head of a queue": {f: history.Dequeue, raw: "3", want: 3},
	} {
		var txn history.Txn
		txn.Mops = []history.Mop{{Func: c.f}}
		value := func(raw string) (history.Value, error) {
			if raw == "" {
				return history.Absent, c.err
			}
			return 3, c.err
		}
		list := func(string) ([]history.Value, error) { return []history.Value{3}, c.err }
		err := contents.See(&txn, 0, c.raw, value, list)
		m := txn.Mops[0]
		switch {
		case !errors.Is(err, c.err):
			t.Errorf("%s: %v", name, err)
		case c.err != nil && m.Flags&history.Observed != 0:
			t.Errorf("%s: something was filled in", name)
		case c.err == nil && c.list > 0 && len(txn.List(0)) != c.list:
			t.Errorf("%s: %v", name, txn.List(0))
		case c.err == nil && c.list == 0 && m.Ret != c.want:
			t.Errorf("%s: read %v, want %v", name, m.Ret, c.want)
		}
	}
}
