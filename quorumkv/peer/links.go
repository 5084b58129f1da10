package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Links are a node's ways to all others, by their names.
type Links map[string]*Link

// NewLinks makes idle links to the peers at these addresses, but none to this node itself; see NewLink. They are plain text if secure is nil.
func NewLinks(self Identity, peers map[string]string, secure *tls.Config, timeout time.Duration, log *slog.Logger, up func(peer string)) Links {
	links := make(Links)
	for name, addr := range peers {
		if name != self.Node {
			links[name] = NewLink(self, name, addr, timeout, log, up)
			links[name].secure = secure
		}
	}
	return links
}

// Tell has all links tell of data directories. It is called before Run.
func (l Links) Tell(d Directories) {
	for _, link := range l {
		link.dirs = d
	}
}

// Run keeps all links connected until ctx ends; wg waits for it.
func (l Links) Run(ctx context.Context, wg *sync.WaitGroup) {
	for _, link := range l {
		wg.Go(func() { link.Run(ctx) })
	}
}

// Send queues a message for a node; an error says that it is lost.
func (l Links) Send(to string, message []byte) error {
	link, ok := l[to]
	if !ok {
		return fmt.Errorf("no node %q", to)
	}
	return link.Send(message)
}

// Lost is closed when the connection to a node breaks; see Link.Lost.
func (l Links) Lost(to string) <-chan struct{} {
	link, ok := l[to]
	if !ok {
		return nil
	}
	return link.Lost()
}

// Call asks a node and waits for its answer; see Link.Call.
func (l Links) Call(ctx context.Context, node string, body []byte) ([]byte, error) {
	link, ok := l[node]
	if !ok {
		return nil, fmt.Errorf("no node %q", node)
	}
	return link.Call(ctx, body)
}

// Tried waits, up to a limit, until each link that Run keeps has tried to connect once: from then on Disagreement knows of all that could be
// reached. Its error says who was waited for.
func (l Links) Tried(ctx context.Context, limit time.Duration) error {
	for _, link := range l {
		if link.tried.Load() {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		err := link.awaitTried(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// AllTried tells whether Tried has nothing to wait for any more.
func (l Links) AllTried() bool {
	for _, link := range l {
		if !link.tried.Load() {
			return false
		}
	}
	return true
}

// Disagreement is the error of a link whose peer is configured differently, or nil.
func (l Links) Disagreement() error {
	for _, link := range l {
		if err := link.Err(); errors.Is(err, ErrDisagrees) {
			return err
		}
	}
	return nil
}

// Addr is where this node reaches the named one; otherwise, if it is not among the peers.
func (l Links) Addr(node, otherwise string) string {
	if link, ok := l[node]; ok {
		return link.Addr()
	}
	return otherwise
}

// Describe is how this node sees its peers.
func (l Links) Describe() map[string]protocol.PeerHealth {
	out := make(map[string]protocol.PeerHealth, len(l))
	for name, link := range l {
		p := protocol.PeerHealth{Address: link.Addr(), Connected: true}
		if err := link.Err(); err != nil {
			p.Connected, p.Error = false, err.Error()
		}
		out[name] = p
	}
	return out
}

// Register adds a metric for each peer.
func (l Links) Register(r prometheus.Registerer) {
	for name, link := range l {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quorumkv_peer_connected", ConstLabels: prometheus.Labels{"peer": name},
			Help: "1 while there is a connection to the peer."},
			func() float64 {
				if link.Err() != nil {
					return 0
				}
				return 1
			}))
	}
}
