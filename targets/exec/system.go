package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/launch"
)

// System is a database that a program speaks for. It is safe for concurrent use.
type System struct {
	ability.Tokenless
	h                          Hello
	command                    command
	run, readLevel, writeLevel string
	timeout                    time.Duration
	cluster                    cluster.Cluster
	now                        *current
	logger                     *slog.Logger
	log                        io.WriteCloser
	// control is nil if the program can do nothing to nodes.
	control *control
	texts   texts
	reports reports
}

var (
	_ targets.System   = (*System)(nil)
	_ targets.Observer = (*System)(nil)
)

// logName is where the program's standard error goes, below the nodes' logs.
const logName = "program/stderr.log"

// Start implements targets.Target: the control process starts the nodes, if it can, and
// a session at each of them writes and reads.
func (t *described) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	s := &System{
		h: t.h, run: cfg.Run, readLevel: cfg.ReadLevel, writeLevel: cfg.WriteLevel, timeout: cfg.OpTimeout,
		cluster: c, now: t.now, logger: cfg.Log,
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.command, err = commandOf(cfg.Options); err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(c.Nodes()[0].LogDir()), logName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("keeping what the program says: %w", err)
	}
	if s.log, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return nil, fmt.Errorf("keeping what the program says: %w", err)
	}
	if err := launch.New(s.h.Database, logName, nil, cfg).TellWaits(ctx, s.begin); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTimeout)
		defer cancel()
		if stopping := s.Stop(stop); stopping != nil { // which is no news of what did not start
			s.logger.Warn("stopping what did not start", "error", stopping)
		}
		return nil, &cluster.EnvironmentError{
			Doing: "starting " + s.h.Database, Err: err,
			Way: "what the program said on standard error is in " + path,
		}
	}
	return s, nil
}

func (s *System) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if len(s.h.Control) > 0 {
		var err error
		if s.control, err = s.controlProcess(ctx); err != nil {
			return err
		}
	}
	if s.h.can(cluster.CommandStart) {
		for _, n := range s.h.Nodes {
			if err := s.control.order(ctx, cluster.CommandStart, n, nil); err != nil {
				return fmt.Errorf("start of %s: %w", n, err)
			}
		}
	}
	s.now.system.Store(s)
	for i, n := range s.h.Nodes {
		if s.h.can(typeReady) {
			err := cluster.Await(ctx, n+" to be ready", func(ctx context.Context) error { return s.Ready(ctx, n) })
			if err != nil {
				return err
			}
		}
		if err := s.prove(ctx, i); err != nil {
			return fmt.Errorf("a write and a read through %s: %w", n, err)
		}
	}
	return nil
}

// prove opens a session at node i and does what shows that it works.
func (s *System) prove(ctx context.Context, i int) error {
	c, err := s.Open(ctx, targets.Session{Home: i})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it was only tried
	for _, m := range s.h.ready() {
		ctx, cancel := context.WithTimeout(ctx, max(s.timeout, defaultOpTimeout))
		defer cancel()
		res := c.Do(ctx, i, &history.Txn{Mops: []history.Mop{m}})
		if res.Outcome != history.OK {
			return fmt.Errorf("%s: %w", m.Func, res.Err)
		}
	}
	return nil
}

// key is a key as the program reads it: with the run's name, because the database may
// have been used before.
func (s *System) key(k history.Key) string {
	if k == readyKey {
		return external.OwnName(s.run, 60) + "_ready"
	}
	return external.OwnName(s.run, 60) + "_" + k.String()
}

// Observe implements targets.Observer: troubles with the program.
func (s *System) Observe(observe func(kind, text string)) {
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	s.reports.observe = observe
}

// Restart implements ability.Restarter.
func (s *System) Restart(ctx context.Context, node string) error {
	n, err := s.cluster.Node(node)
	if err != nil {
		return err
	}
	return n.Start(ctx, cluster.Command{})
}

// Ready implements targets.System: the program says so, or a session at the node works.
func (s *System) Ready(ctx context.Context, node string) error {
	i := slices.Index(s.h.Nodes, node)
	switch {
	case i < 0:
		return fmt.Errorf("there is no node %q; there are %s", node, strings.Join(s.h.Nodes, ", "))
	case s.h.can(typeReady):
		return s.control.order(ctx, typeReady, node, nil)
	}
	return s.prove(ctx, i)
}

// Version implements targets.System.
func (s *System) Version() string { return s.h.Database }

// Stop implements targets.System: nodes that the program started it stops, and if it
// does not, they end with its process.
func (s *System) Stop(ctx context.Context) error {
	s.now.system.Store(nil)
	var errs []error
	if s.control != nil {
		for _, n := range s.h.Nodes {
			if s.h.can(typeStop) {
				if err := s.control.order(ctx, typeStop, n, nil); err != nil {
					errs = append(errs, fmt.Errorf("stop of %s: %w", n, err))
				}
			}
		}
		errs = append(errs, s.control.p.close(true))
	}
	return errors.Join(append(errs, s.log.Close())...)
}
