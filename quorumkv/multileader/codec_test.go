package multileader

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

func samples() []message {
	seen := vector{"a#1": 2, "b#2": 1}
	return []message{
		{What: whatHave, Incarnation: "1", Receiver: "2", Upto: 7},
		{What: whatRequest, ID: 9, Body: []byte(`{}`)},
		{What: whatChanges, Incarnation: "1", Receiver: "2", After: 3, Upto: 5, Items: []item{
			{"vk", state{Kind: kindLatest, Latest: record.Record{Version: record.Version{Time: 5, Node: "a"}, Value: []byte("x")}}},
			{"sk", state{Kind: kindCausal, Causal: causal{Seen: seen, Live: []tagged{{dot{"b#2", 1}, "e"}, {dot{"a#1", 2}, ""}}, Gone: []string{"g"}}}},
			{"mk", state{Kind: kindCausal, Causal: causal{Seen: seen, Live: []tagged{{dot{"b#2", 1}, entry{"f", engine.Register, "x"}.String()}}}}},
			{"ck", state{Kind: kindCounter, Counts: map[string]sums{"a#1": {3, 1}}}},
		}},
	}
}

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	for _, m := range samples() {
		got, err := parseMessage(m.marshal())
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v is read as %+v, %v", m, got, err)
		}
	}
	seen := vector{"a#1": 1}
	for name, live := range map[string][]tagged{
		"a write that is not known": {{dot{"a#1", 2}, "x"}},
		"out of order":              {{dot{"a#1", 1}, "x"}, {dot{"a#1", 1}, "y"}},
		"number nought":             {{dot{"a#1", 0}, "x"}},
	} {
		m := message{What: whatChanges, Items: []item{{"k", state{Kind: kindCausal, Causal: causal{Seen: seen, Live: live}}}}}
		if _, err := parseMessage(m.marshal()); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range samples() {
		f.Add(m.marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		again, err := parseMessage(m.marshal())
		if err != nil || !bytes.Equal(again.marshal(), m.marshal()) {
			t.Fatalf("%q reads as %+v, and that as %+v, %v", b, m, again, err)
		}
		for _, i := range m.Items {
			if s := i.State; !s.join(s, flaws{}).equal(s) && len(s.Causal.Gone) == 0 {
				t.Fatalf("%+v joined with itself is %+v", s, s.join(s, flaws{}))
			}
		}
	})
}
