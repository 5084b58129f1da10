package input

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/lapse-test/lapse/results/gate"
)

// TestDecodeBaseline: pairs that differ in one thing.
func TestDecodeBaseline(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"schema":1,"known":[]}`:             true,
		`{"schema":1,"known":[]}` + "\n":      true,
		`{"schema":2,"known":[]}`:             false,
		`{"schema":1,"known":[]} {}`:          false,
		`{"schema":1,"known":[]}]`:            false,
		`{"schema":1,"known":[],"unknown":1}`: false,
		``:                                    false,
	} {
		var b gate.Baseline
		if err := decodeBaseline([]byte(text), &b); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzBaseline: what is read as a baseline is the same when it is written and read again.
func FuzzBaseline(f *testing.F) {
	for _, seed := range []string{`{"schema":1,"known":[]}`, `{"schema":1,"known":[{}]}`, `{"schema":1}{`, `null`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var b, again gate.Baseline
		if decodeBaseline(text, &b) != nil {
			return
		}
		written, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeBaseline(written, &again); err != nil || !reflect.DeepEqual(b, again) {
			t.Errorf("%q is read as %+v, and written and read again as %+v: %v", text, b, again, err)
		}
	})
}
