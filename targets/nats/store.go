package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/wire"
)

// store is the bucket of a run, wherever its servers come from. It is safe for concurrent
// use once it is filled in.
type store struct {
	bucket
	nodes []access
	// direct says that reads are answered by any replica.
	direct  bool
	timeout time.Duration
}

func newStore(b bucket, nodes []access, cfg targets.Config) *store {
	return &store{bucket: b, nodes: nodes, direct: cfg.ReadLevel == readDirect, timeout: cfg.OpTimeout}
}

// askTimeout is the least time for a question that is none of the load's.
const askTimeout = 2 * time.Second

// with does something over a connection of its own with node i.
func (s *store) with(ctx context.Context, i int, do func(ctx context.Context, l *link) error) error {
	timeout := max(s.timeout, askTimeout)
	open := func(ctx context.Context) (*link, error) { return connect(ctx, s.nodes[i], s.bucket, timeout) }
	return wire.Ask(ctx, timeout, open, (*link).close, do)
}

// streamConfig is a key-value bucket as ADR-8 has it.
type streamConfig struct {
	Name              string   `json:"name"`
	Description       string   `json:"description,omitempty"`
	Subjects          []string `json:"subjects"`
	Retention         string   `json:"retention"`
	Storage           string   `json:"storage"`
	Discard           string   `json:"discard"`
	MaxMsgsPerSubject int      `json:"max_msgs_per_subject"`
	NumReplicas       int      `json:"num_replicas"`
	AllowDirect       bool     `json:"allow_direct"`
	DenyDelete        bool     `json:"deny_delete"`
	AllowRollup       bool     `json:"allow_rollup_hdrs"`
}

// config is the bucket with so many replicas; the description may be empty.
func (s *store) config(replicas int, description string) streamConfig {
	return streamConfig{
		Name: s.stream(), Description: description, Subjects: []string{s.keys()}, Retention: "limits", Storage: "file", Discard: "new",
		MaxMsgsPerSubject: 1, NumReplicas: replicas, AllowDirect: s.direct, DenyDelete: true, AllowRollup: true,
	}
}

// create makes the bucket; one that is there with the same configuration is no error.
func (l *link) create(ctx context.Context, c streamConfig) error {
	return l.api(ctx, "STREAM.CREATE."+c.Name, c, &struct{}{})
}

// peer is a replica that follows the leader.
type peer struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	Offline bool   `json:"offline"`
}

// group is the state of the stream's group by its leader's word, by names of servers.
type group struct {
	Config  streamConfig `json:"config"`
	Cluster struct {
		Leader   string `json:"leader"`
		Replicas []peer `json:"replicas"`
	} `json:"cluster"`
}

// member says whether the server with this name has a replica.
func (g group) member(name string) bool {
	for _, p := range g.Cluster.Replicas {
		if p.Name == name {
			return true
		}
	}
	return g.Cluster.Leader == name
}

// current says whether it has one that is in sync with a leader that there is.
func (g group) current(name string) bool {
	for _, p := range g.Cluster.Replicas {
		if p.Name == name {
			return g.Cluster.Leader != "" && p.Current && !p.Offline
		}
	}
	return g.Cluster.Leader == name
}

func (l *link) group(ctx context.Context) (g group, err error) {
	return g, l.api(ctx, "STREAM.INFO."+l.stream(), nil, &g)
}

// serves returns nil when node i knows the bucket, whose group is as it should be, and a
// write and a read go through it.
func (s *store) serves(ctx context.Context, i int, should func(group) error) error {
	return s.with(ctx, i, func(ctx context.Context, l *link) error {
		g, err := l.group(ctx)
		if err != nil {
			return fmt.Errorf("asking about the stream: %w", err)
		}
		if err := should(g); err != nil {
			return err
		}
		key := l.subject("ready", cluster.NodeNames(len(s.nodes))[i])
		if _, err := l.put(ctx, key, []byte("1"), nil); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		_, err = l.get(ctx, key)
		return err
	})
}

// leader is the name of the server that leads the stream's group.
func (s *store) leader(ctx context.Context) (string, error) {
	err := errors.New("no node answers")
	for i := range s.nodes {
		var g group
		err = s.with(ctx, i, func(ctx context.Context, l *link) (err error) {
			g, err = l.group(ctx)
			return err
		})
		if err == nil && g.Cluster.Leader != "" {
			return g.Cluster.Leader, nil
		}
		if err == nil {
			err = errors.New("a node answers that there is none")
		}
	}
	return "", fmt.Errorf("the stream has no leader that is known: %w", err)
}

func (s *store) open(session targets.Session) *client {
	return &client{store: s, Conns: wire.NewConns(len(s.nodes), (*link).close), reader: contents.Reader{Text: session.Text}, life: session.Life}
}
