package peer

import (
	"context"
	"errors"
	"fmt"

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

// Read asks node for its record of key.
func (m *Mesh) Read(ctx context.Context, node string, epoch uint64, key string) (record.Record, error) {
	if node == m.self {
		return m.local.ReadAt(epoch, key)
	}
	l, err := m.link(node)
	if err != nil {
		return record.Record{}, err
	}
	rec, err := l.Read(ctx, epoch, key)
	return rec, m.refused(err)
}

// Version asks node for the version of its record of key.
func (m *Mesh) Version(ctx context.Context, node string, epoch uint64, key string) (record.Version, error) {
	if node == m.self {
		return m.local.VersionAt(epoch, key)
	}
	l, err := m.link(node)
	if err != nil {
		return record.Version{}, err
	}
	v, err := l.Version(ctx, epoch, key)
	return v, m.refused(err)
}

// Apply has node take rec; see Link.Apply for what its errors say.
func (m *Mesh) Apply(ctx context.Context, node string, epoch uint64, key string, rec record.Record) error {
	if node == m.self {
		return m.local.ApplyAt(epoch, key, rec)
	}
	l, err := m.link(node)
	if err != nil {
		return err
	}
	return m.refused(l.Apply(ctx, epoch, key, rec))
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
