package compact

import (
	"errors"
	"reflect"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// someRequests differ from each other in one field.
func someRequests() []Request {
	return []Request{
		{Op: Get, Key: "k"},
		{Op: Get, Key: "k", Level: "2"},
		{Op: Get, Key: "k", Level: "2", WriteLevel: "QUORUM"},
		{Op: Get, Key: "k", Tenant: "ä"},
		{Op: Put, Key: "k"},
		{Op: Put, Key: "k", Write: Write{Value: []byte{0, 255}}},
		{Op: Put, Key: "k", Level: "ALL", Write: Write{Value: []byte("v")}},
		{Op: Put, Key: "k", Write: Write{Absent: true}},
		{Op: Put, Key: "k", Write: Write{Number: 1}},
		{Op: Put, Key: "k", Write: Write{Number: 1<<63 - 1}},
		{Op: Put, Key: "k", Write: Write{Name: "r1"}},
		{Op: Put, Key: "k", Write: Write{Context: []byte{7}}},
		{Op: Delete, Key: "k"},
		{Op: Delete, Key: "k", Tenant: "t", Level: "1", Write: Write{Number: 7}},
	}
}

func TestRequestsReadBack(t *testing.T) {
	for _, r := range someRequests() {
		b := r.AppendTo(nil)
		if got, err := ParseRequest(r.Op, b); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v reads back as %+v, %v", r, got, err)
		}
		for cut := range len(b) {
			if got, err := ParseRequest(r.Op, b[:cut]); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("the first %d of %d bytes of %+v read as %+v, %v", cut, len(b), r, got, err)
			}
		}
		if got, err := ParseRequest(r.Op, append(b, 0)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%+v with a byte more reads as %+v, %v", r, got, err)
		}
		if got, err := ParseRequest(Cancel, b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%+v as an operation that has no body reads as %+v, %v", r, got, err)
		}
	}
}

// someAnswers differ from each other in one field.
func someAnswers() []Answer {
	rec := record.Record{Version: record.Version{Time: 7<<16 | 3, Node: "n1"}, Value: []byte("v")}
	return []Answer{
		{},
		{Record: rec, Level: 2, Coordinator: "n2"},
		{Record: record.Record{Version: rec.Version, Value: []byte{0xff}}, Level: 2, Coordinator: "n2"},
		{Record: record.Record{Version: rec.Version}, Level: 2, Coordinator: "n2"},
		{Record: rec, Level: 3, Nodes: []string{}, Coordinator: "n2"},
		{Record: rec, Level: 3, Nodes: []string{"n1", "n3"}, Coordinator: "n2"},
		{Record: rec, Level: 3, Nodes: []string{"n1"}, Repaired: []string{"n2"}},
		{Record: rec, Level: 3, Context: []byte{1}, Siblings: [][]byte{[]byte("v"), {}}},
	}
}

// What a client reads is what it would be told by HTTP, where both come from the same answer.
func TestAnswersReadBack(t *testing.T) {
	for _, a := range someAnswers() {
		b := a.AppendFound(nil)
		if got, err := ParseFound("k", b); err != nil || !reflect.DeepEqual(got, a.Value("k")) {
			t.Errorf("%+v reads back as %+v, %v", a, got, err)
		}
		b = a.AppendWritten(nil)
		want := protocol.Written{Key: "k", Version: protocol.NewVersion(a.Record.Version), W: a.Level, Acked: a.Nodes, Coordinator: a.Coordinator}
		if got, err := ParseWritten("k", b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v reads back as %+v, %v", a, got, err)
		}
		for cut := range len(b) {
			if got, err := ParseWritten("k", b[:cut]); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("the first %d of %d bytes of %+v read as %+v, %v", cut, len(b), a, got, err)
			}
		}
	}
}

func TestFailuresReadBack(t *testing.T) {
	f := protocol.Failure{Code: "timeout", Message: "m", Outcome: protocol.PerhapsWritten, Needed: 2, Answered: []string{"n1"}, Failed: map[string]string{"n2": "why"}, Coordinator: "n1"}
	b, err := AppendFailed(nil, 504, f)
	if err != nil {
		t.Fatal(err)
	}
	if status, got, err := ParseFailed(b); err != nil || status != 504 || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v reads back as %d %+v, %v", f, status, got, err)
	}
	for name, b := range map[string][]byte{"nothing": nil, "a status of success": append([]byte{200, 1}, "{}"...), "no object": {144, 3, '['}} {
		if status, got, err := ParseFailed(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s reads as %d %+v, %v", name, status, got, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, r := range someRequests() {
		f.Add(byte(r.Op), r.AppendTo(nil))
	}
	f.Add(byte(Put), []byte{0, 1, 'k', 0, 3, 0, 0, 0}) // a condition that is two
	f.Fuzz(func(t *testing.T, op byte, b []byte) {
		r, err := ParseRequest(Op(op), b)
		if err != nil {
			return
		}
		if r.Number < 0 || r.Absent && r.Number != 0 {
			t.Fatalf("%x reads as %+v", b, r)
		}
		if again, err := ParseRequest(r.Op, r.AppendTo(nil)); err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v reads back as %+v, %v", r, again, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for _, a := range someAnswers() {
		f.Add(a.AppendFound(nil))
		f.Add(a.AppendWritten(nil))
	}
	if b, err := AppendFailed(nil, 404, protocol.Failure{Code: "not_found"}); err == nil {
		f.Add(b)
	}
	f.Add([]byte{1, 1, 'n', 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := ParseFound("k", b); err == nil {
			if v.Key != "k" || (v.Value == nil) == (v.ValueBase64 == nil) {
				t.Errorf("%x reads as %+v", b, v)
			}
		}
		if w, err := ParseWritten("k", b); err == nil && len(w.Acked) > len(b) {
			t.Errorf("%x reads as %+v", b, w)
		}
		if status, _, err := ParseFailed(b); err == nil && status < 300 {
			t.Errorf("%x reads as a failure with status %d", b, status)
		}
	})
}
