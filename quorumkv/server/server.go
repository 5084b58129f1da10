package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/api"
	"github.com/lapse-test/lapse/quorumkv/coordinator"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/peer"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/ring"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// forgetFor is how long the defect forget-unsynced keeps writes from the disk.
const forgetFor = 5 * time.Second

// Server is one node. Make it with Open and run it once with Run or Serve.
type Server struct {
	cfg     Config
	log     *slog.Logger
	ring    *ring.Ring
	store   *storage.Store
	clock   *hlc.Clock
	defects defect.Set
	links   map[string]*peer.Link
	peers   *peer.Server
	coord   *coordinator.Coordinator
	handler *api.Handler

	background sync.WaitGroup
	stop       context.CancelFunc // of links and the flusher
	closeOnce  sync.Once
	closeErr   error
}

// Open checks the configuration, opens the data directory and starts to connect to peers. Call Run, Serve or Close
// afterwards. The file system is the operating system's when fs is nil.
func Open(cfg Config, log *slog.Logger, fs vfs.FS) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, &ConfigError{err}
	}
	r, err := ring.New(cfg.Nodes(), cfg.Replication, cfg.VirtualNodes)
	if err != nil {
		return nil, &ConfigError{err}
	}
	s := &Server{cfg: cfg, log: log.With("node", cfg.Node), ring: r, clock: hlc.NewClock(nil, cfg.MaxClockSkew),
		links: make(map[string]*peer.Link)}
	if err := s.clock.SetOffset(cfg.ClockOffset); err != nil {
		return nil, err
	}
	s.store, err = storage.Open(storage.Options{Dir: cfg.DataDir, Node: cfg.Node, Ring: r.Digest(), Fsync: cfg.Fsync,
		FS: fs, Logger: s.log, MaxHints: cfg.MaxHints})
	if err != nil {
		return nil, err
	}
	if err := s.setDefects(cfg.Defects); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	s.assemble()
	return s, nil
}

func (s *Server) assemble() {
	cfg := s.cfg
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	id := peer.Identity{Node: cfg.Node, Ring: s.ring.Digest()}
	local := replica.New(s.store, s.clock, &s.defects)
	// Requests of all peers together; each of a peer's clients' requests may ask twice.
	s.peers = peer.NewServer(id, local, 4*cfg.MaxRequests, cfg.PeerTimeout, s.log)
	for name, addr := range cfg.Peers {
		if name == cfg.Node {
			continue
		}
		s.links[name] = peer.NewLink(id, name, addr, cfg.PeerTimeout, s.log, func(p string) { s.coord.PeerUp(p) })
	}
	s.coord = coordinator.New(coordinator.Options{
		Self: cfg.Node, Ring: s.ring, Transport: peer.NewMesh(cfg.Node, local, s.links), Store: s.store,
		Clock: s.clock, Defects: &s.defects, ReadRepair: cfg.ReadRepair, HintedHandoff: cfg.HintedHandoff,
		Timestamps: cfg.WriteTimestamps, RequestTimeout: cfg.RequestTimeout, PeerTimeout: cfg.PeerTimeout, Logger: s.log,
	})
	m := newMetrics(s)
	s.handler = api.New(api.Options{
		Node: cfg.Node, Engine: s.coord, Local: local.Read, Clock: s.clock, Ring: s.describeRing, Health: s.health,
		SetDefects: s.setDefects, Defects: &s.defects, Metrics: m.handler(), Observe: m.observe, Peer: s.peers, PeerPath: peer.Path,
		MaxRequests: cfg.MaxRequests, MaxValueBytes: cfg.MaxValueBytes, Testing: cfg.Testing, Logger: s.log,
	})
	for _, l := range s.links {
		s.background.Go(func() { l.Run(ctx) })
	}
	s.background.Go(func() { s.flushForgotten(ctx) })
}

// Run listens at the configured address and serves until ctx ends, then closes the node.
func (s *Server) Run(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen at %s: %w", s.cfg.Listen, err), s.Close())
	}
	return s.Serve(ctx, l)
}

// Serve serves on l until ctx ends, then closes the node and l. It returns nil when it was ended by ctx.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.log.Info("serving", "address", l.Addr().String(), "mode", s.cfg.Mode, "replication", s.cfg.Replication,
		"read_repair", s.cfg.ReadRepair, "write_timestamps", s.cfg.WriteTimestamps, "hinted_handoff", s.cfg.HintedHandoff,
		"fsync", s.cfg.Fsync, "defects", s.defects.Names())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve at %s: %w", l.Addr(), err)
	case <-ctx.Done():
		s.log.Info("stopping")
		s.handler.Stop()
		// By then every request that was being carried out has been answered.
		shut, cancel := context.WithTimeout(context.Background(), s.cfg.RequestTimeout+100*time.Millisecond)
		if srv.Shutdown(shut) != nil {
			err = srv.Close() // requests that did not end are cut off
		}
		cancel()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, fmt.Errorf("serve at %s: %w", l.Addr(), end))
		}
	}
	return errors.Join(err, s.Close())
}

// Close ends everything that Open started and closes the data directory. Run and Serve do it by themselves.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.stop()
		s.coord.Close()
		s.peers.Close()
		s.background.Wait()
		s.closeErr = s.store.Close()
	})
	return s.closeErr
}

func (s *Server) setDefects(names []string) error {
	if err := s.defects.Replace(names); err != nil {
		return err
	}
	return s.store.SetForget(s.defects.Has(defect.ForgetUnsynced))
}

// flushForgotten writes late, but not never, what the defect forget-unsynced keeps in memory.
func (s *Server) flushForgotten(ctx context.Context) {
	tick := time.NewTicker(forgetFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.store.Flush(); err != nil {
				s.log.Error("late flush", "error", err)
			}
		}
	}
}

func (s *Server) address(node string) string {
	if l, ok := s.links[node]; ok {
		return l.Addr()
	}
	return s.cfg.Listen
}

func (s *Server) describeRing(key string) protocol.Ring {
	out := protocol.Ring{Key: key, Replication: s.ring.N(), VirtualNodes: s.ring.VirtualNodes(), Digest: s.ring.Digest()}
	for _, n := range s.ring.Nodes() {
		out.Nodes = append(out.Nodes, protocol.Node{Name: n, Address: s.address(n), Owned: s.ring.Owned(n)})
	}
	if key != "" {
		for _, n := range s.coord.Replicas(key) {
			out.Replicas = append(out.Replicas, protocol.Node{Name: n, Address: s.address(n)})
		}
	}
	return out
}

func (s *Server) health() protocol.Health {
	h := protocol.Health{Status: "ok", Node: s.cfg.Node, Mode: s.cfg.Mode, Replication: s.ring.N(),
		ReadRepair: string(s.cfg.ReadRepair), HintedHandoff: s.cfg.HintedHandoff, WriteTimestamps: string(s.cfg.WriteTimestamps),
		Fsync: s.cfg.Fsync, Testing: s.cfg.Testing, ClockOffsetMS: s.clock.Offset().Milliseconds(), Defects: s.defects.Names(),
		Peers: make(map[string]protocol.PeerHealth)}
	for name, l := range s.links {
		p := protocol.PeerHealth{Address: l.Addr(), Connected: true, Hints: s.store.HintCount(name)}
		if err := l.Err(); err != nil {
			p.Connected, p.Error = false, err.Error()
		}
		h.Peers[name] = p
	}
	return h
}
