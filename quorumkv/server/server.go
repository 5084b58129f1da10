package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/api"
	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Server is one node. Make it with Open and run it once with Run or Serve.
type Server struct {
	cfg     Config
	log     *slog.Logger
	clock   *hlc.Clock
	defects defect.Set
	engine  engine.Engine
	handler *api.Handler
	secure  *tls.Config // of those who connect; nil for plain text

	closeOnce sync.Once
	closeErr  error
}

// Open checks the configuration, opens the data directory and starts to connect to peers. Call Run, Serve or Close
// afterwards. The file system is the operating system's when fs is nil.
func Open(cfg Config, log *slog.Logger, fs vfs.FS) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, &ConfigError{err}
	}
	m, err := findMode(cfg.Mode)
	if err != nil {
		return nil, &ConfigError{err}
	}
	s := &Server{cfg: cfg, log: log.With("node", cfg.Node), clock: hlc.NewClock(nil, cfg.MaxClockSkew)}
	if err := s.clock.SetOffset(cfg.ClockOffset); err != nil {
		return nil, err
	}
	if err := s.defects.Replace(cfg.Defects); err != nil {
		return nil, err
	}
	var toPeers *tls.Config
	if s.secure, toPeers, err = certs.Load(cfg.tls()); err != nil {
		return nil, &ConfigError{fmt.Errorf("tls_cert, tls_key, tls_ca: %w", err)}
	}
	s.engine, err = m.open(cfg, engine.Node{Name: cfg.Node, Listen: cfg.Listen, DataDir: cfg.DataDir, Peers: cfg.Peers,
		RequestTimeout: cfg.RequestTimeout, PeerTimeout: cfg.PeerTimeout, MaxRequests: cfg.MaxRequests, Fsync: cfg.Fsync,
		Clock: s.clock, Defects: &s.defects, TLS: toPeers, FS: fs, Logger: s.log})
	var wrong *engine.SettingError
	var others *storage.RefusedError
	if errors.As(err, &wrong) || errors.As(err, &others) {
		return nil, &ConfigError{err}
	}
	if err != nil {
		return nil, err
	}
	metrics := newMetrics(s.clock)
	s.engine.Register(metrics.registry)
	s.handler = api.New(api.Options{
		Node: cfg.Node, Mode: cfg.Mode, Engine: s.engine, Clock: s.clock, Health: s.health,
		SetDefects: s.setDefects, Defects: &s.defects, Metrics: metrics.handler(), Observe: metrics.observe,
		MaxRequests: cfg.MaxRequests, MaxValueBytes: cfg.MaxValueBytes, Testing: cfg.Testing, Logger: s.log,
	})
	return s, nil
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
	s.log.Info("serving", "address", l.Addr().String(), "mode", s.cfg.Mode, "fsync", s.cfg.Fsync, "tls", s.secure != nil, "defects", s.defects.Names())
	if s.secure != nil {
		l = tls.NewListener(l, s.secure) // who speaks plain text is answered so by the HTTP server
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve at %s: %w", l.Addr(), err)
		s.handler.Stop()
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.handler.CloseConnections(now)
	case <-ctx.Done():
		s.log.Info("stopping")
		s.handler.Stop()
		// By then every request that was being carried out has been answered.
		shut, cancel := context.WithTimeout(context.Background(), s.cfg.RequestTimeout+100*time.Millisecond)
		if srv.Shutdown(shut) != nil {
			err = srv.Close() // requests that did not end are cut off
		}
		s.handler.CloseConnections(shut)
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
		s.closeErr = s.engine.Close()
	})
	return s.closeErr
}

func (s *Server) setDefects(names []string) error {
	if err := defect.Check(s.cfg.Mode, names); err != nil {
		return err
	}
	if err := s.defects.Replace(names); err != nil {
		return err
	}
	return s.engine.DefectsChanged()
}

func (s *Server) health() protocol.Health {
	h := protocol.Health{Status: "ok", Node: s.cfg.Node, Fsync: s.cfg.Fsync, Testing: s.cfg.Testing,
		ClockOffsetMS: s.clock.Offset().Milliseconds(), Defects: s.defects.Names()}
	s.engine.Describe(&h)
	return h
}
