package peer

import (
	"context"
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
func (m *Mesh) Read(ctx context.Context, node, key string) (record.Record, error) {
	if node == m.self {
		return m.local.Read(key)
	}
	l, err := m.link(node)
	if err != nil {
		return record.Record{}, err
	}
	return l.Read(ctx, key)
}

// Version asks node for the version of its record of key.
func (m *Mesh) Version(ctx context.Context, node, key string) (record.Version, error) {
	if node == m.self {
		return m.local.Version(key)
	}
	l, err := m.link(node)
	if err != nil {
		return record.Version{}, err
	}
	return l.Version(ctx, key)
}

// Apply has node take rec; see Link.Apply for what its errors say.
func (m *Mesh) Apply(ctx context.Context, node, key string, rec record.Record) error {
	if node == m.self {
		return m.local.Apply(key, rec)
	}
	l, err := m.link(node)
	if err != nil {
		return err
	}
	return l.Apply(ctx, key, rec)
}

// List asks node for a page of a tenant's keys.
func (m *Mesh) List(ctx context.Context, node string, listing replica.Listing) (storage.Page, error) {
	if node == m.self {
		return m.local.List(listing)
	}
	l, err := m.link(node)
	if err != nil {
		return storage.Page{}, err
	}
	return l.List(ctx, listing)
}
