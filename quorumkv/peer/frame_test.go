package peer

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/record"
)

func someRecord() record.Record {
	return record.Record{Version: record.Version{Time: 7, Node: "n1"}, Value: []byte("v")}
}

func TestRequestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		o   op
		key string
		rec record.Record
	}{
		{opPing, "", record.Record{}},
		{opRead, "k", record.Record{}},
		{opVersion, "äöü", record.Record{}},
		{opApply, "k", someRecord()},
		{opApply, "", record.Record{Version: record.Version{Time: 1, Node: "n"}, Tombstone: true}},
	} {
		b := frame.Append(nil, 42, byte(tc.o), func(b []byte) []byte { return appendRequest(b, tc.o, 300, tc.key, tc.rec) })
		f, _, err := frame.Read(bufio.NewReader(bytes.NewReader(b)), nil, MaxMessage)
		if err != nil || f.ID != 42 || op(f.Kind) != tc.o {
			t.Fatalf("%+v: %+v, %v", tc, f, err)
		}
		epoch, key, rec, err := parseRequest(op(f.Kind), f.Body)
		if err != nil || epoch != 300 || key != tc.key || rec.Compare(tc.rec) != 0 {
			t.Fatalf("%+v: %q, %+v, %v", tc, key, rec, err)
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		o op
		b []byte
	}{
		"empty":                  {opRead, nil},
		"an epoch alone":         {opRead, []byte{7}},
		"key longer than frame":  {opRead, []byte{7, 5, 'a'}},
		"bytes after the key":    {opRead, []byte{7, 1, 'a', 'b'}},
		"apply without a record": {opApply, []byte{7, 1, 'a'}},
		"apply of nothing":       {opApply, record.Record{}.AppendTo([]byte{7, 1, 'a'})},
		"unknown operation":      {9, []byte{7, 1, 'a'}},
	} {
		if _, _, _, err := parseRequest(tc.o, tc.b); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, o := range []op{opPing, opRead, opApply} {
		f.Add(frame.Append(nil, 1, byte(o), func(b []byte) []byte { return appendRequest(b, o, 7, "key", someRecord()) }))
	}
	f.Add([]byte{0, 0, 0, 1, 2})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		var buf []byte
		for {
			var fr frame.Frame
			var err error
			fr, buf, err = frame.Read(r, buf, MaxMessage)
			if err != nil {
				return
			}
			if len(fr.Body) > len(b) {
				t.Fatalf("a body of %d bytes from %d", len(fr.Body), len(b))
			}
			parseReply(fr)
			epoch, key, rec, err := parseRequest(op(fr.Kind), fr.Body)
			if err != nil {
				continue
			}
			e2, k2, r2, err := parseRequest(op(fr.Kind), appendRequest(nil, op(fr.Kind), epoch, key, rec))
			if err != nil || e2 != epoch || k2 != key || r2.Compare(rec) != 0 {
				t.Fatalf("%q %+v reads back as %q %+v, %v", key, rec, k2, r2, err)
			}
		}
	})
}

// What can be answered is answered though a request that was withdrawn came right behind it, and nothing after that.
func TestAnswersBeforeWhatWasWithdrawn(t *testing.T) {
	here, there := net.Pipe()
	node := frame.NewStream(here, bufio.NewReader(here), 10, time.Minute)
	go node.Run()
	served := make(chan struct{})
	go func() {
		defer close(served)
		NewServer(Identity{Node: "n2"}, nil, 10, time.Minute, discard).serve("n1", node)
	}()
	asks := frame.NewStream(there, bufio.NewReader(there), 10, time.Minute)
	body := func(b []byte) []byte { return appendRequest(b, opPing, 1, "", record.Record{}) }
	if _, err := asks.Queue(1, byte(opPing), body); err != nil {
		t.Fatal(err)
	}
	at, err := asks.Queue(2, byte(opPing), body)
	if err != nil || !asks.Withdraw(at) {
		t.Fatalf("not withdrawn: %v", err)
	}
	if err := asks.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go asks.Run()
	if f, _, err := frame.Read(asks.R, nil, MaxMessage); err != nil || f.ID != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	asks.Close(errors.New("over"))
	<-served
}
