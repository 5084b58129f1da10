// Package engine is what every mode of quorumkv is to the rest of the server: something that carries out
// requests for keys over the nodes. Package api serves one to clients, and package server makes the one that
// the configuration's mode names. An engine brings its correctness argument along as its package comment.
package engine

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Engine carries out requests. All methods may be called concurrently, but none after Close.
type Engine interface {
	// Write returns when the write is acknowledged at its level. Its errors are *Error with an Outcome.
	Write(ctx context.Context, req WriteRequest) (WriteResult, error)
	// Read returns what its level promises. Its errors are *Error without an Outcome.
	Read(ctx context.Context, req ReadRequest) (ReadResult, error)
	// CompareAndSet says whether writes may have a Condition. An engine that cannot do it refuses them as CodeUnsupported.
	CompareAndSet() bool
	// Local is this node's own record of key; it asks nobody.
	Local(key string) (record.Record, error)
	// Ring is the place of key, or of all nodes when key is empty.
	Ring(key string) protocol.Ring
	// Describe fills in what the mode has to say of the node's health.
	Describe(h *protocol.Health)
	// Register adds the engine's metrics, once.
	Register(r prometheus.Registerer)
	// DefectsChanged is called after the node's defects were replaced.
	DefectsChanged() error
	// Routes are the handlers of peers' requests, by pattern of http.ServeMux.
	Routes() map[string]http.Handler
	// Close ends everything that the engine has started and closes the data directory.
	Close() error
}

// Node is what an engine is told of the node that it runs on.
type Node struct {
	Name    string
	Listen  string
	DataDir string
	// Peers are all other nodes by name, with the address at which this node reaches each. This node's own name may
	// be among them and counts for nothing.
	Peers          map[string]string
	RequestTimeout time.Duration // of a client's request
	PeerTimeout    time.Duration // of a message, and after which a silent peer counts as gone
	MaxRequests    int           // served at a time
	Fsync          bool          // before every acknowledgement
	Clock          *hlc.Clock    // can be bent
	Defects        *defect.Set
	TLS            *tls.Config // of connections to peers; they are plain text when nil
	FS             vfs.FS      // the operating system's when nil
	Logger         *slog.Logger
}

// Names are all nodes, this one first.
func (n Node) Names() []string {
	names := []string{n.Name}
	for name := range n.Peers {
		if name != n.Name {
			names = append(names, name)
		}
	}
	return names
}

// Whole are the names of all nodes in order, separated by spaces.
func (n Node) Whole() string { return strings.Join(slices.Sorted(slices.Values(n.Names())), " ") }

// WholeRing is what Engine.Ring returns where every node holds every key. Address finds where this node reaches another, and
// has a second argument for this node itself; digest identifies the group.
func (n Node) WholeRing(key, digest string, address func(node, otherwise string) string) protocol.Ring {
	names := n.Names()
	slices.Sort(names)
	out := protocol.Ring{Key: key, Replication: len(names), Digest: digest}
	for _, name := range names {
		out.Nodes = append(out.Nodes, protocol.Node{Name: name, Address: address(name, n.Listen)})
	}
	if key != "" {
		out.Replicas = out.Nodes
	}
	return out
}

// Condition is what must hold for a write to happen: that the key is absent, or that its version has this number.
type Condition struct {
	Absent bool
	Number int64
}

// WriteRequest writes Value under Key, or deletes it.
type WriteRequest struct {
	Key    string
	Value  []byte // the caller must not change it afterwards
	Delete bool
	Level  string     // as the mode spells it; its default when empty
	If     *Condition // nil when there is none
	// Request names the client's request, so that a retry of it is not applied twice; empty when the client named none.
	Request string
	// Context is what a read returned that the client has seen, where the mode keeps writes that did not know of each other.
	Context []byte
}

// WriteResult describes an acknowledged write.
type WriteResult struct {
	Version record.Version
	W       int      // how many nodes it needed
	Acked   []string // the nodes that hold it durably, as far as is known
}

// ReadRequest reads Key. Levels are as the mode spells them, and its default when empty.
type ReadRequest struct {
	Key   string
	Level string
	// WriteLevel is the level at which the key is written, where the mode can make use of that.
	WriteLevel string
}

// ReadResult is what a read found; a zero Record when there is nothing.
type ReadResult struct {
	Record   record.Record
	R        int      // how many nodes it needed
	Answered []string // the nodes that answered
	Repaired []string // the nodes that were brought up to date before the answer
	// Siblings are all values, where the mode keeps several that did not know of each other; Record is then one of them, and Context
	// names what was read.
	Siblings [][]byte
	Context  []byte
}
