package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

const logName = "nats.log"

// System is a running NATS. It is safe for concurrent use.
type System struct {
	*launch.Fleet
	*store
	ability.Tokenless
	cfg    targets.Config
	server string
	http   *http.Client
}

var _ targets.System = (*System)(nil)

// Start implements targets.Target.
func (Target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	s := &System{
		Fleet: launch.New("NATS", logName, c, cfg), cfg: cfg, server: program,
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	s.Command = s.command
	s.Complaint = func(line string) bool {
		return strings.Contains(line, "[FTL]") || strings.Contains(line, "[ERR]") || strings.HasPrefix(line, program)
	}
	if s.Image == "" {
		from, err := source(cfg.Options[optVersion])
		if err != nil {
			return nil, err
		}
		p, err := from.Find(ctx, cfg.Cache)
		if err != nil {
			return nil, err
		}
		s.server = p.Paths[program]
	}
	addrs, err := s.Addrs(clientPort)
	if err != nil {
		return nil, err
	}
	nodes := make([]access, len(addrs))
	for i, addr := range addrs {
		nodes[i].Addr = addr
	}
	s.store = newStore("lapse", nodes, cfg)
	if err := s.Fleet.Start(ctx, s.form, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// command writes the configuration of node i and starts its server.
func (s *System) command(_ context.Context, i int) (cluster.Command, error) {
	n := s.Nodes[i]
	var listen [3]string
	for j, port := range []int{clientPort, routePort, monitorPort} {
		var err error
		if listen[j], err = s.Cluster.Bind(n.Name(), port); err != nil {
			return cluster.Command{}, err
		}
	}
	var routes []string
	for _, o := range s.Nodes {
		addr, err := s.Cluster.Route(n.Name(), o.Name(), routePort)
		if err != nil {
			return cluster.Command{}, err
		}
		routes = append(routes, "nats://"+addr)
	}
	sync := ""
	if v := s.cfg.Options[optSync]; v != syncDefault {
		sync = "sync_interval: " + v
	}
	text := fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\njetstream { store_dir: %q, max_file_store: 1GB, %s }\n",
		n.Name(), listen[0], listen[2], filepath.Join(n.Dir(), "data"), sync)
	if len(s.Nodes) > 1 {
		text += fmt.Sprintf("cluster { name: lapse, listen: %q, no_advertise: true, routes: [%s] }\n", listen[1], strings.Join(routes, ", "))
	}
	path := filepath.Join(n.Dir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return cluster.Command{}, err
	}
	return cluster.Command{Path: s.server, Args: []string{"-c", path}, Log: logName}, nil
}

// form makes the bucket and waits until every node takes part. Replicas answer direct
// reads only some 10 s after they have caught up; until then the leader alone does, and
// none is old: a run that began earlier would have passed for nothing.
func (s *System) form(ctx context.Context) error {
	err := cluster.Await(ctx, "the bucket to be made", func(ctx context.Context) error {
		return s.with(ctx, 0, func(ctx context.Context, l *link) error {
			err := l.create(ctx, s.config(len(s.Nodes), ""))
			if coded(codeNameTaken)(err) {
				return nil // by an earlier try
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := s.Await(ctx, "to serve", s.serves); err != nil {
		return err
	}
	if s.cfg.ReadLevel != readDirect {
		return nil
	}
	s.Progress("waiting until every replica answers direct reads (some 15 s)")
	return s.Await(ctx, "to answer direct reads", s.answersDirect)
}

// serves returns nil when node i has the bucket, in sync, and a write and a read go
// through it.
func (s *System) serves(ctx context.Context, i int) error {
	name := s.Nodes[i].Name()
	return s.store.serves(ctx, i, func(g group) error {
		if len(s.Nodes) > 1 && !g.current(name) {
			return errors.New("the replica is not in sync with the leader")
		}
		return nil
	})
}

// mostSubscriptions bounds what the monitoring port answers, in bytes: 100,000 subscriptions of some hundred bytes each.
const mostSubscriptions = 64 << 20

// answersDirect returns nil when the server of node i itself listens for direct reads.
func (s *System) answersDirect(ctx context.Context, i int) error {
	addr, err := s.Addr(i, monitorPort)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/subsz?subs=1&limit=100000", nil)
	if err != nil {
		return err
	}
	answer, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	var subs struct {
		List []struct {
			Subject string `json:"subject"`
		} `json:"subscriptions_list"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, mostSubscriptions)).Decode(&subs); err != nil {
		return fmt.Errorf("reading the subscriptions: %w", err)
	}
	for _, sub := range subs.List {
		if strings.HasPrefix(sub.Subject, "$JS.API.DIRECT.GET."+s.stream()) {
			return nil
		}
	}
	return fmt.Errorf("of %d subscriptions none is for direct reads", len(subs.List))
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, session targets.Session) (targets.Client, error) {
	return s.open(session), nil
}

// Ready implements targets.System.
func (s *System) Ready(ctx context.Context, node string) error {
	return s.ReadyIf(ctx, node, s.serves)
}

// Primary implements ability.Primarier: the leader of the stream.
func (s *System) Primary(ctx context.Context) (string, error) {
	if len(s.Nodes) == 1 {
		return s.Nodes[0].Name(), nil
	}
	return s.leader(ctx)
}

// Version implements targets.System.
func (s *System) Version() string { return s.Named("NATS", s.cfg.Options[optVersion]) }

// Replicas implements targets.ReplicaPlacer: all nodes.
func (s *System) Replicas(context.Context, history.Key) ([]string, error) {
	return cluster.NodeNames(len(s.Nodes)), nil
}
