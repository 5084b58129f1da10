package forward

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// Parcel is the form in which a request or a reply crosses a link.
type Parcel struct {
	Reply bool
	ID    uint64 // of a request, echoed by its reply
	Body  []byte // in JSON
}

// Kind is the kind of the message in which p crosses a link: one for requests, one for replies.
func Kind[K any](p Parcel, request, reply K) K {
	if p.Reply {
		return reply
	}
	return request
}

// Options are what a Desk needs. All functions may be called concurrently.
type Options struct {
	// Stopping ends when this node stops: nobody waits any longer then.
	Stopping context.Context
	// Send queues a parcel for a node; an error says that it is lost.
	Send func(to string, p Parcel) error
	// Lost is closed when the connection to a node breaks that there is now; nil while there is none.
	Lost func(to string) <-chan struct{}
	// Serve carries a request out at this node, if it can.
	Serve   func(ctx context.Context, q Request) Reply
	Timeout time.Duration // of serving another node's request
	Most    int           // requests of other nodes served at a time
	Logger  *slog.Logger
}

// Desk sends requests to other nodes, serves theirs, and hands replies to whom they are for. Safe for concurrent use.
type Desk struct {
	o       Options
	slots   chan struct{}
	last    atomic.Uint64
	waiting sync.Map // chan Reply, by the ID of the request
}

// NewDesk makes a desk that nobody has asked yet.
func NewDesk(o Options) *Desk {
	d := &Desk{o: o, slots: make(chan struct{}, o.Most)}
	d.last.Store(rand.Uint64() >> 8) // so that an answer to what was asked before a restart finds nobody
	return d
}

// Ask has the leader carry q out, and waits for its reply until ctx ends, or the connection breaks over which q went: whoever asks may try again with the next leader then, in
// place of waiting for one that is gone.
func (d *Desk) Ask(ctx context.Context, leader string, q Request) Reply {
	body, err := json.Marshal(q)
	if err != nil {
		return q.Failed(engine.CodeUnavailable, engine.NotWritten, "forward the request: "+err.Error())
	}
	id, answer := d.last.Add(1), make(chan Reply, 1)
	d.waiting.Store(id, answer)
	defer d.waiting.Delete(id)
	lost := d.o.Lost(leader) // before q is sent: it goes over this connection or a later one
	if err := d.o.Send(leader, Parcel{ID: id, Body: body}); err != nil {
		return q.Failed(engine.CodeUnavailable, engine.NotWritten, fmt.Sprintf("the leader %s: %v", leader, err))
	}
	select {
	case got := <-answer:
		return got.checked(q, leader)
	case <-lost:
		select {
		case got := <-answer: // it came before that
			return got.checked(q, leader)
		default:
		}
		return q.Failed(engine.CodeUnavailable, engine.PerhapsWritten, "the connection to the leader "+leader+" broke before it answered")
	case <-ctx.Done():
		return q.Late(ctx, "the leader "+leader+" did not answer in time")
	case <-d.o.Stopping.Done():
		return q.Failed(engine.CodeUnavailable, engine.PerhapsWritten, "this node is stopping")
	}
}

// Take takes a parcel that came from a node. A request is served in a goroutine of wg. One for which there is no room is
// lost, as it might have been on the way; Take returns false then. A reply that nobody waits for is dropped.
func (d *Desk) Take(wg *sync.WaitGroup, from string, p Parcel) bool {
	if p.Reply {
		d.reply(from, p)
		return true
	}
	select {
	case d.slots <- struct{}{}:
		wg.Go(func() {
			defer func() { <-d.slots }()
			d.serve(from, p)
		})
		return true
	default:
		return false
	}
}

// serve carries out a request of another node and answers it.
func (d *Desk) serve(from string, p Parcel) {
	var q Request
	out := q.Failed(engine.CodeUnavailable, "", "malformed request")
	if err := json.Unmarshal(p.Body, &q); err == nil {
		ctx, cancel := context.WithTimeout(d.o.Stopping, d.o.Timeout)
		out = d.o.Serve(ctx, q)
		cancel()
	}
	body, err := json.Marshal(out)
	if err != nil {
		d.o.Logger.Error("a reply cannot be encoded", "error", err)
		return
	}
	_ = d.o.Send(from, Parcel{Reply: true, ID: p.ID, Body: body}) // lost is as good as late
}

// reply hands a reply to who waits for it.
func (d *Desk) reply(from string, p Parcel) {
	c, ok := d.waiting.Load(p.ID)
	if !ok {
		return
	}
	var r Reply
	if err := json.Unmarshal(p.Body, &r); err != nil {
		d.o.Logger.Warn("malformed reply", "from", from, "error", err)
		return
	}
	select {
	case c.(chan Reply) <- r:
	default: // a second reply
	}
}
