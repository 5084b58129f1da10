package forward

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// pair is a follower that asks and a leader that serves, over a link that carries what pass lets through.
type pair struct {
	follower, leader *Desk
	wg               sync.WaitGroup
	stop             context.CancelFunc // of the follower
	broken           chan struct{}      // closed when the link is
}

// connect makes a pair. The leader serves with serve; what pass changes or holds back is on its way in both directions.
func connect(t *testing.T, serve func(context.Context, Request) Reply, pass func(Parcel) (Parcel, bool)) *pair {
	t.Helper()
	p := &pair{broken: make(chan struct{})}
	alive, end := context.WithCancel(t.Context())
	stopping, stop := context.WithCancel(t.Context())
	p.stop = stop
	send := func(to **Desk) func(string, Parcel) error {
		return func(from string, q Parcel) error {
			if q, ok := pass(q); ok {
				(*to).Take(&p.wg, from, q)
			}
			return nil
		}
	}
	lost := func(string) <-chan struct{} { return p.broken }
	log := slog.New(slog.DiscardHandler)
	p.leader = NewDesk(Options{Stopping: alive, Send: send(&p.follower), Lost: lost, Serve: serve, Timeout: 1 << 40, Most: 1, Logger: log})
	p.follower = NewDesk(Options{Stopping: stopping, Send: send(&p.leader), Lost: lost, Timeout: 1 << 40, Most: 1, Logger: log})
	t.Cleanup(func() {
		stop()
		end()
		p.wg.Wait()
	})
	return p
}

func everything(p Parcel) (Parcel, bool) { return p, true }

func wrote(context.Context, Request) Reply {
	return Reply{Written: &engine.WriteResult{W: 1, Acked: []string{"n1"}}}
}

func TestAsk(t *testing.T) {
	write, read := Request{Write: &engine.WriteRequest{Key: "k"}}, Request{Read: &engine.ReadRequest{Key: "k"}}
	noReplies := func(p Parcel) (Parcel, bool) { return p, !p.Reply }
	garbled := func(p Parcel) (Parcel, bool) {
		p.Body = []byte("{")
		return p, true
	}
	for _, c := range []struct {
		name    string
		q       Request
		pass    func(Parcel) (Parcel, bool)
		gone    bool // the client, before the reply
		broken  bool // the link, before the reply
		code    engine.Code
		outcome engine.Outcome
		message string
	}{
		{name: "served", q: write, pass: everything},
		{name: "another answer", q: read, pass: everything, code: engine.CodeUnavailable, message: "the leader n1 answered something else"},
		{name: "reply lost", q: write, pass: noReplies, gone: true, code: engine.CodeCanceled, outcome: engine.PerhapsWritten, message: "went away"},
		{name: "reply lost, of a read", q: read, pass: noReplies, gone: true, code: engine.CodeCanceled, message: "went away"},
		{name: "link broken", q: write, pass: noReplies, broken: true, code: engine.CodeUnavailable, outcome: engine.PerhapsWritten, message: "the connection to the leader n1 broke"},
		{name: "link broken, of a read", q: read, pass: noReplies, broken: true, code: engine.CodeUnavailable, message: "the connection to the leader n1 broke"},
		{name: "both garbled", q: write, pass: garbled, gone: true, code: engine.CodeCanceled, outcome: engine.PerhapsWritten, message: "went away"},
	} {
		p := connect(t, wrote, c.pass)
		ctx, cancel := context.WithCancel(t.Context())
		if c.gone {
			cancel()
		}
		if c.broken {
			close(p.broken)
		}
		got := p.follower.Ask(ctx, "n1", c.q)
		cancel()
		if c.code == "" {
			if got.Error != nil || got.Written == nil || got.Written.W != 1 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		if got.Error == nil || got.Error.Code != c.code || got.Error.Outcome != c.outcome || !strings.Contains(got.Error.Message, c.message) {
			t.Errorf("%s: %+v, want %s, %q, %s", c.name, got.Error, c.code, c.outcome, c.message)
		}
	}
}

// A node that stops waits for no reply, and one that is busy takes no request.
func TestStopAndBusy(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	p := connect(t, func(ctx context.Context, q Request) Reply {
		close(begun)
		<-finish
		return wrote(ctx, q)
	}, everything)
	answer := make(chan Reply)
	go func() { answer <- p.follower.Ask(t.Context(), "n1", Request{Write: &engine.WriteRequest{}}) }()
	<-begun
	if p.leader.Take(&p.wg, "n2", Parcel{ID: 1, Body: []byte("{}")}) {
		t.Error("a second request was taken")
	}
	p.stop()
	if r := <-answer; r.Error == nil || r.Error.Outcome != engine.PerhapsWritten || !strings.Contains(r.Error.Message, "stopping") {
		t.Errorf("%+v", r.Error)
	}
	close(finish)
}
