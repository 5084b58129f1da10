package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Mesh reaches every replica by its node's name: this node's own directly, the others over their links.
type Mesh struct {
	self  string
	local *replica.Replica
	links map[string]*Link
	learn func(membership []byte)
}

// OnStale sets what is told of the membership of replicas that refuse a request as one of an earlier epoch, before the first request.
func (m *Mesh) OnStale(learn func(membership []byte)) { m.learn = learn }

// refused learns from an error of a replica, and returns it.
func (m *Mesh) refused(err error) error {
	var stale *replica.StaleError
	if m.learn != nil && errors.As(err, &stale) {
		m.learn(stale.Membership)
	}
	return err
}

// NewMesh makes a mesh of the local replica and the links to all other nodes.
func NewMesh(self string, local *replica.Replica, links map[string]*Link) *Mesh {
	return &Mesh{self: self, local: local, links: links}
}

func (m *Mesh) link(node string) (*Link, error) {
	l, ok := m.links[node]
	if !ok {
		return nil, fmt.Errorf("%w: no such node %q", replica.ErrNotApplied, node)
	}
	return l, nil
}

// Ready is nil when a request to node can be sent now; see Link.Ready.
func (m *Mesh) Ready(ctx context.Context, node string) error {
	if node == m.self {
		return nil
	}
	l, err := m.link(node)
	if err != nil {
		return err
	}
	return l.Ready(ctx)
}

// Read asks node for its record of key, and sends the answer to a channel with room for it: at once when it is known.
func (m *Mesh) Read(_ context.Context, node string, epoch uint64, key string, within time.Duration, to chan<- replica.Answer) {
	m.ask(node, request{op: opRead, epoch: epoch, key: key}, within, to)
}

// Version asks node for the version of its record of key; see Read.
func (m *Mesh) Version(_ context.Context, node string, epoch uint64, key string, within time.Duration, to chan<- replica.Answer) {
	m.ask(node, request{op: opVersion, epoch: epoch, key: key}, within, to)
}

// Apply has node take rec; see Read for the answer, and Link.Apply for what its error says.
func (m *Mesh) Apply(_ context.Context, node string, epoch uint64, key string, rec record.Record, within time.Duration, to chan<- replica.Answer) {
	m.ask(node, request{opApply, epoch, key, rec}, within, to)
}

func (m *Mesh) ask(node string, r request, within time.Duration, to chan<- replica.Answer) {
	if node == m.self {
		m.askSelf(r, to)
		return
	}
	l, err := m.link(node)
	if err != nil {
		to <- replica.Answer{Node: node, Err: err}
		return
	}
	l.start(r, within, func(a reply) {
		out := replica.Answer{Node: node, Record: a.record, Err: a.err}
		if a.err == nil {
			to <- out
			return
		}
		var stale *replica.StaleError
		if errors.As(a.err, &stale) {
			go func() { // it writes to the disk
				_ = m.refused(a.err)
				to <- out
			}()
			return
		}
		to <- out
	})
}

// askSelf asks the local replica.
func (m *Mesh) askSelf(r request, to chan<- replica.Answer) {
	if r.op == opApply {
		m.local.ApplyLaterAt(r.epoch, r.key, r.rec, func(err error) { to <- replica.Answer{Node: m.self, Err: err} })
		return
	}
	rec, known, err := m.local.KnownAt(r.epoch, r.key)
	if known {
		to <- replica.Answer{Node: m.self, Record: rec, Err: err}
		return
	}
	go func() {
		rec, err := readFrom(m.local, r.op, r.epoch, r.key)
		to <- replica.Answer{Node: m.self, Record: rec, Err: err}
	}()
}

// List asks node for a page of a tenant's keys.
func (m *Mesh) List(ctx context.Context, node string, epoch uint64, listing replica.Listing) (storage.Page, error) {
	if node == m.self {
		return m.local.ListAt(epoch, listing)
	}
	l, err := m.link(node)
	if err != nil {
		return storage.Page{}, err
	}
	page, err := l.List(ctx, epoch, listing)
	return page, m.refused(err)
}
