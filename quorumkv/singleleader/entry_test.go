package singleleader

import (
	"errors"
	"reflect"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
)

func sampleEntries() []entry {
	return []entry{
		{Epoch: 1, Need: needMajority, Mark: true, Leader: "n1"},
		{Epoch: 2, Need: needLeader, Leader: "n2", Key: "k/ä", Value: []byte{0, 255}},
		{Epoch: 1 << 20, Need: needAll, Delete: true, Leader: "n3", Key: "k"},
		{Epoch: 3, Need: needAnyFollower, Leader: "n1", Key: "k", Value: []byte("v"), Request: "r1", Content: 1 << 60},
	}
}

func sampleMessages() []message {
	return []message{
		{Kind: kindAppend, Epoch: 3, Index: 7, At: 2, Commit: 5, Stamp: 1 << 63, Echo: 12, Entries: sampleEntries()},
		{Kind: kindAppended, Epoch: 3, OK: true, Index: 9, At: 3, Stamp: 11, Echo: 1 << 62},
		{Kind: kindAsk, Epoch: 4, ID: 1 << 50},
		{Kind: kindReply, ID: 7, Body: []byte(`{"error":null}`)},
	}
}

func TestMessagesSurviveTheirBinaryForm(t *testing.T) {
	for _, m := range sampleMessages() {
		got, err := parseMessage(m.marshal())
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v came back as %+v, %v", m, got, err)
		}
	}
	for _, e := range sampleEntries() {
		got, err := parseEntry(e.appendTo(nil))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v came back as %+v, %v", e, got, err)
		}
	}
}

// The version of a write is larger than that of every write in an earlier epoch, whatever its place.
func TestVersionsGrowWithTheEpoch(t *testing.T) {
	early, late := entry{Epoch: 1, Leader: "n9"}.version(1<<39), entry{Epoch: 2, Leader: "n1"}.version(1)
	if early.Compare(late) >= 0 {
		t.Errorf("%+v is not before %+v", early, late)
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, m := range sampleMessages() {
		f.Add(m.marshal())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("an error that is not wire.ErrMalformed: %v", err)
			}
			return
		}
		again, err := parseMessage(m.marshal())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}
