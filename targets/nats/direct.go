package nats

import (
	"context"
	"fmt"
	"github.com/lapse-test/lapse/internal/duration"
	"slices"
	"strings"
	"sync"
	"time"
)

// heard are the servers that were seen to answer direct reads. Safe for concurrent use.
type heard struct {
	mu    sync.Mutex
	names map[string]bool
}

// note remembers a server.
func (h *heard) note(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.names == nil {
		h.names = map[string]bool{}
	}
	h.names[name] = true
}

// silent are those of names that were not heard.
func (h *heard) silent(names []string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return h.names[name] })
}

// listeners are the servers that are to answer direct reads when the one called own serves:
// itself, if it has a replica, and whoever has one and is not among the named, which nobody
// else looks after. One that is down or behind answers none, and is not waited for. A
// stream of one replica has no others to answer.
func (g group) listeners(own string, named []string) []string {
	var names []string
	for _, name := range append([]string{g.Cluster.Leader}, g.followers()...) {
		if len(g.Cluster.Replicas) > 0 && name != "" && (name == own || !slices.Contains(named, name) && g.current(name)) {
			names = append(names, name)
		}
	}
	return names
}

// followers are the servers with a replica beside the leader.
func (g group) followers() []string {
	var names []string
	for _, p := range g.Cluster.Replicas {
		names = append(names, p.Name)
	}
	return names
}

// answersDirect returns nil when the listeners of node i answer some of the direct reads.
// Servers before 2.11 do not tell; they are given time.
func (v *visit) answersDirect(ctx context.Context, i int, g group) error {
	const untold, pause = 20 * time.Second, 100 * time.Millisecond
	var named []string
	for _, s := range v.servers {
		named = append(named, s.name)
	}
	wanted := g.listeners(v.servers[i].name, named)
	if len(v.heard.silent(wanted)) == 0 {
		return nil
	}
	if version := v.servers[i].version; !traces(version) {
		if time.Since(v.made) < untold {
			return fmt.Errorf("NATS %s does not tell whether a replica answers direct reads: it is given %s", version, duration.Text(untold))
		}
		return nil
	}
	return v.with(ctx, i, func(ctx context.Context, l *link) error {
		for {
			to, err := l.traced(ctx, l.directSubject(l.subject("ready", "n1")))
			if err == nil {
				v.heard.note(to)
			}
			silent := v.heard.silent(wanted)
			switch {
			case len(silent) == 0:
				return nil
			case err != nil:
				return fmt.Errorf("no direct reads are seen to be answered by %s: %w", strings.Join(silent, ", "), err)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("no direct reads are seen to be answered by %s", strings.Join(silent, ", "))
			case <-time.After(pause):
			}
		}
	})
}
