package gate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
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
		if _, err := DecodeBaseline([]byte(text)); (err == nil) != ok {
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
		b, err := DecodeBaseline(text)
		if err != nil {
			return
		}
		written, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeBaseline(written)
		if err != nil || !reflect.DeepEqual(b, again) {
			t.Errorf("%q is read as %+v, and written and read again as %+v: %v", text, b, again, err)
		}
	})
}

// FuzzSuiteResult: a result that is read can be judged and written in every form, also if another program wrote it.
func FuzzSuiteResult(f *testing.F) {
	whole, err := json.Marshal(suiteWith(CaseViolated, "it was lost"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(whole), `{"schema":2}`, fmt.Sprintf(`{"schema":%d}`, SuiteSchema), fmt.Sprintf(`{"schema":%d,"cases":[{"claims":[{}],"thresholds":["read.p99 < 1ms"]}],"gate":null}`, SuiteSchema), `null`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := DecodeSuite(text)
		if err != nil {
			return
		}
		if s.Gate, err = Judge(s, nil, time.Unix(0, 0)); err != nil {
			return
		}
		s.Exit = &s.Gate.Exit
		var page bytes.Buffer
		if err := WriteJUnit(&page, s, func(run string) string { return run }); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(page.Bytes(), new(struct{})); err != nil {
			t.Errorf("%q is written as JUnit that is no XML: %v", text, err)
		}
		if err := errors.Join(WriteMarkdown(&page, s), WriteAnnotations(&page, s)); err != nil {
			t.Fatal(err)
		}
	})
}
