package drivers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestNonsense: a driver that tells what cannot be is lost and named, the operation is indeterminate, and the run goes on
// with another one. Each answer differs from a good one in one thing.
func TestNonsense(t *testing.T) {
	text := history.TextValue
	for name, c := range map[string]struct {
		says   string
		answer func(m *message) []*message
	}{
		"an ok read that saw nothing": {"returned nothing", one(func(m *message) { m.Seen.Mops[0].Flags = 0 })},
		"an unknown flag":             {"unknown flags", one(func(m *message) { m.Seen.Mops[0].Flags |= 1 << 7 })},
		"an unknown outcome":          {"unknown outcome", one(func(m *message) { m.Seen.Outcome = 3 })},
		"a node too many":             {"node 1 of 1", one(func(m *message) { m.Seen.Node = 1 })},
		"a node too few":              {"node -2 of 1", one(func(m *message) { m.Seen.Node = -2 })},
		"a text that is not told":     {"was not told", one(func(m *message) { m.Seen.Mops[0].Ret = text(7) })},
		"another text than is told": {"was not told", one(func(m *message) {
			m.Seen.Mops[0].Ret, m.Seen.Texts = text(7), map[int][]byte{6: nil}
		})},
		"a text in a list": {"was not told", one(func(m *message) { m.Seen.Mops[0].List = []history.Value{1, text(1 << 30)} })},
		"a micro-operation too many": {"2 micro-operations of 1", one(func(m *message) {
			m.Seen.Mops = append(m.Seen.Mops, m.Seen.Mops[0])
		})},
		"none":                     {"0 micro-operations of 1", one(func(m *message) { m.Seen.Mops = nil })},
		"an end before it began":   {"before its beginning", one(func(m *message) { m.Seen.Began = 1 })},
		"a count below nothing":    {"a count of -1", one(func(m *message) { m.Seen.Counted = []int64{-1} })},
		"counts of something else": {"does not count", one(func(m *message) { m.Seen.Counted = []int64{1, 1} })},
		"too much to carry": {"bytes to carry", one(func(m *message) {
			m.Seen.Carried = &carriedWire{Token: strings.Repeat("x", maxToken+1)}
		})},
		"no answer":              {"without what was seen", one(func(m *message) { m.Seen = nil })},
		"another kind of answer": {"it sent opened to client", one(func(m *message) { m.Kind = kindOpened })},
		"a run's message":        {"a driver does not send", one(func(m *message) { m.Kind = kindEnd })},
		"an answer before":       {"answer 1 of client 1, which was asked for answer 2", one(func(m *message) { m.Number-- })},
		"an answer too far":      {"answer 3 of client 1, which was asked for answer 2", one(func(m *message) { m.Number++ })},
		"another client's":       {"client 2, which was not asked for", one(func(m *message) { m.Client++ })},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, 1)
			s.fake("eu", c.answer)
			s.begin()
			res, mop := s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read})
			if mop != (history.Mop{Func: history.Read}) {
				t.Errorf("the refused answer was filled in: %+v", mop)
			}
			if res.Outcome != history.Info || res.Err == nil || !strings.Contains(res.Err.Error(), "driver eu is lost") || !strings.Contains(res.Err.Error(), c.says) {
				t.Errorf("%+v", res)
			}
			s.awaitLost()
			s.drive("us", nil)
			s.full()
			if res, _ := s.worker(0, targets.Session{ID: 2}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
				t.Errorf("the driver in its place: %+v", res)
			}
			if h := s.history(); len(h.Ops) != 2 {
				t.Errorf("%d operations", len(h.Ops))
			}
		})
	}
}

// one is a good answer but for one thing.
func one(but func(*message)) func(*message) []*message {
	return func(m *message) []*message {
		answer := done(m)
		but(answer)
		return []*message{answer}
	}
}

// TestDoubleAnswer: an answer that comes twice is not taken for that to the next operation.
func TestDoubleAnswer(t *testing.T) {
	s := newStand(t, 1)
	s.fake("eu", func(m *message) []*message { return []*message{done(m), done(m)} })
	s.begin()
	w := s.worker(0, targets.Session{ID: 1})
	if res, _ := w.do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the first answer: %+v", res)
	}
	s.awaitLost()
	if err := w.client.seat.lost(); err == nil || !strings.Contains(err.Error(), "answer 2 of client 1, which was not asked for") {
		t.Errorf("%v", err)
	}
}

// TestReasonsAreClean: what a driver says of itself has no control characters where people read it.
func TestReasonsAreClean(t *testing.T) {
	s := newStand(t, 1)
	conn, in := s.greet("eu", version, s.token)
	s.next(in, kindWelcome)
	s.driven.Go(func() {
		for {
			m, err := readFrame(in, maxFrame)
			if err != nil {
				return
			}
			if m.Kind == kindJob {
				_ = writeFrame(conn, &message{Kind: kindGiveUp, Reason: "no\x1b[31m way" + strings.Repeat("\u202e.", 4000)})
			}
		}
	})
	s.begun("eu")
	s.driven.Go(func() {
		s.awaitLost()
		s.drive("us", nil)
	})
	s.begin()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.notes, "\n")
	if !strings.Contains(all, "driver eu is lost: it gave up: no [31m way") || strings.ContainsAny(all, "\x1b\u202e") || len(all) > 2000 {
		t.Errorf("%q", all)
	}
}

// TestSilentStrangers: those who connect and say nothing keep no driver out.
func TestSilentStrangers(t *testing.T) {
	s := newStand(t, 1)
	for range 3 * strangers {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.c.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	s.drive("eu", nil)
	s.begin()
	s.c.mu.Lock()
	if n := len(s.c.strangers); n > strangers {
		t.Errorf("%d strangers are listened to", n)
	}
	s.c.mu.Unlock()
	s.c.End()
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.c.Addr()); err == nil {
		_ = conn.Close()
		t.Error("a run that is over listens")
	}
}

// TestUsableAddress: what is printed can be dialled.
func TestUsableAddress(t *testing.T) {
	ip := func(s string) net.Addr { return &net.IPNet{IP: net.ParseIP(s)} }
	for _, c := range []struct {
		addrs []net.Addr
		want  string
	}{
		{nil, "127.0.0.1"},
		{[]net.Addr{ip("127.0.0.1"), ip("::1"), ip("fe80::1")}, "127.0.0.1"},
		{[]net.Addr{ip("127.0.0.1"), ip("2001:db8::1"), ip("192.0.2.7")}, "192.0.2.7"},
		{[]net.Addr{ip("::1"), ip("2001:db8::1")}, "2001:db8::1"},
	} {
		if got := reachable(c.addrs); got != c.want {
			t.Errorf("%v: %s, want %s", c.addrs, got, c.want)
		}
	}
	for listens, want := range map[string]string{"127.0.0.1:7399": "127.0.0.1:7399", "192.0.2.7:1": "192.0.2.7:1"} {
		a, err := net.ResolveTCPAddr("tcp", listens)
		if err != nil {
			t.Fatal(err)
		}
		if got := usable(a); got != want {
			t.Errorf("%s: %s", listens, got)
		}
	}
	for _, listens := range []string{"[::]:7399", "0.0.0.0:7399"} {
		a, err := net.ResolveTCPAddr("tcp", listens)
		if err != nil {
			t.Fatal(err)
		}
		host, port, err := net.SplitHostPort(usable(a))
		if err != nil || port != "7399" || net.ParseIP(host) == nil || net.ParseIP(host).IsUnspecified() {
			t.Errorf("%s: %s:%s, %v", listens, host, port, err)
		}
	}
}

// TestLongTexts: two long values that differ at their ends stay different on their way, whatever bytes they are.
func TestLongTexts(t *testing.T) {
	texts := newTexts()
	long := strings.Repeat("x", 100<<10)
	all := []string{long + "a", long + "b", "\xff", "\xfe", "short"}
	got := map[string]bool{}
	for _, s := range all {
		txn := &history.Txn{Mops: []history.Mop{{Func: history.Read}}}
		txn.SetRead(0, texts.value(s))
		raw, err := json.Marshal(packSeen(txn, targets.Result{Outcome: history.OK}, texts.text))
		if err != nil {
			t.Fatal(err)
		}
		var back seen
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if _, err := back.unpack(txn, 1, func(s string) history.Value { got[s] = true; return 0 }, nil); err != nil {
			t.Error(err)
		}
	}
	if len(got) != len(all) {
		t.Errorf("%d values became %d", len(all), len(got))
	}
}

// FuzzMessage: no bytes make either side do more than refuse them, and what is taken for the end of an operation is one
// that a history can have.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"done","client":1,"number":2,"seen":{"outcome":1,"node":0,"mops":[{"l":1,"r":5,"s":[1,2]}]}}`,
		`{"kind":"done","seen":{"mops":[{"r":-9223372036854775807}],"texts":{"0":"eA=="}}}`,
		`{"kind":"done","seen":{"outcome":1,"mops":[{"l":1},{"l":1,"s":[0,1]}],"counted":[1],"carried":{"token":"x"}}}`,
		`{"kind":"open","session":{"id":1,"carried":{"wrote":true,"ago":-5}}}`,
		`{"kind":"do","asked":[{"f":1,"k":0}]}`,
		`{"kind":"job","job":{"run":"r","plan":{},"at":["a"],"deadline":1}}`, `{"kind":"give-up","reason":"\u001b"}`, `{}`, `null`, `[`,
	} {
		f.Add([]byte(seed))
	}
	asked := []history.Txn{
		{Mops: []history.Mop{{Func: history.Read}}},
		{Mops: []history.Mop{{Func: history.Write, Arg: 1}, {Func: history.Poll}}},
		{Mops: []history.Mop{{Func: history.CAS, Arg: 1, Expect: 2}}},
		{Mops: []history.Mop{{Func: history.ReadSet}, {Func: history.Dequeue}}},
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		n := len(payload)
		frame := append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, payload...)
		m, err := readFrame(bytes.NewReader(frame), 1<<20)
		if err != nil {
			return
		}
		if m.Session != nil {
			m.Session.Carried.unpack()
		}
		if m.fromRun() == nil && m.Kind == kindDo {
			var txn history.Txn
			if unpackTxn(m.Asked, &txn); txn.Check() != nil {
				t.Errorf("%q was taken for an operation", payload)
			}
		}
		if m.fromDriver() != nil {
			return
		}
		if strings.ContainsAny(m.Reason, "\x1b\n\x00") {
			t.Errorf("the reason is %q", m.Reason)
		}
		if m.Kind != kindDone {
			return
		}
		for i := range asked {
			taken(t, asked[i].Mops, m.Seen)
		}
	})
}

// taken fails if s is taken for the end of an operation with these micro-operations, and no history can have that.
func taken(t *testing.T, asked []history.Mop, s *seen) {
	t.Helper()
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2", "n3"}})
	txn := history.Txn{Mops: append([]history.Mop(nil), asked...)}
	res, err := s.unpack(&txn, 3, b.Text, func(counts []int64) bool { return len(counts) == 1 })
	if err != nil {
		if fmt.Sprint(txn.Mops) != fmt.Sprint(asked) {
			t.Errorf("a refused answer was filled in: %+v", txn.Mops)
		}
		return
	}
	complete := history.Time(2)
	if res.Outcome == history.Info {
		complete = history.Never
	}
	b.Add(history.Op{Invoke: 1, Complete: complete, Node: int16(res.Node), Outcome: res.Outcome, Error: -1, Note: -1}, &txn)
	if _, err := b.History(); err != nil {
		t.Errorf("%+v was taken: %v", s, err)
	}
}
