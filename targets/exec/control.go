package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

const (
	// controlTimeout bounds each order to the control process.
	controlTimeout = 30 * time.Second
	// startTimeout bounds the start of the database.
	startTimeout = 2 * time.Minute
)

// control is the one process that starts and breaks nodes. It does one thing at a time.
type control struct {
	p *program
	// turn has room for the one who asks.
	turn chan struct{}
}

// controlProcess starts the program as the control process.
func (s *System) controlProcess(ctx context.Context) (*control, error) {
	p, err := s.command.start(s.log)
	if err != nil {
		return nil, err
	}
	p.patient = true
	c := &control{p: p, turn: make(chan struct{}, 1)}
	h, err := p.hello(ctx, roleControl, len(s.h.Nodes))
	if err == nil && !s.h.same(&h) {
		err = errors.New("it says something else of itself than before")
	}
	if err != nil {
		_ = p.close(false) // what went wrong is known
		return nil, fmt.Errorf("starting the control process: %w%s", err, p.said())
	}
	return c, nil
}

// errRefused is an order that the program says it did not carry out.
var errRefused = errors.New("the program says no")

// order has the program do something to a node.
func (c *control) order(ctx context.Context, verb, node string, peers []string) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("the control process is busy: %w", ctx.Err())
	}
	defer func() { <-c.turn }()
	var a Answer
	if _, err := c.p.ask(ctx, Request{Type: verb, Node: node, Peers: peers}, &a); err != nil {
		var b *brokenError
		var e *endedError
		if errors.As(err, &b) || errors.As(err, &e) {
			return fmt.Errorf("%w%s", err, c.p.said())
		}
		return err
	}
	if a.Type != typeOK {
		return fmt.Errorf("%w: %s", errRefused, tidy(a.Error))
	}
	return nil
}

// current has the system that runs, for who asks after its nodes: the provider, which
// is there before it.
type current struct{ system atomic.Pointer[System] }

// alive implements cluster.Spec.Alive: the program says whether the node serves. Before
// the start, and of a program that cannot say, a node is taken to be alive.
func (c *current) alive(ctx context.Context, node string) error {
	s := c.system.Load()
	if s == nil || !s.h.can(typeReady) {
		return nil
	}
	return s.control.order(ctx, typeReady, node, nil)
}

// carry implements cluster.Spec.Carry.
func (c *current) carry(ctx context.Context, node, command string, peers []string) error {
	s := c.system.Load()
	if s == nil {
		return nil // probes of a network that nobody has touched yet
	}
	err := s.control.order(ctx, command, node, peers)
	if command == cluster.CommandProbe && errors.Is(err, errRefused) {
		return fmt.Errorf("%w: %w", cluster.ErrUnreachable, err)
	}
	return err
}

// reports are told of the first troubles of each kind.
type reports struct {
	mu      sync.Mutex
	told    []string
	observe func(kind, text string)
}

// report tells of a trouble with the program: in the run's log always, in the history
// and to the user once a kind.
func (s *System) report(doing string, err error, p *program) {
	kind := errorTable.Explain(err).Error()
	text := tidy(fmt.Sprintf("%s: %v", doing, err)) + p.said()
	s.logger.Warn("the program", "trouble", text)
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	if s.reports.observe == nil || slices.Contains(s.reports.told, doing+kind) || len(s.reports.told) >= textsMost {
		return
	}
	s.reports.told = append(s.reports.told, doing+kind)
	s.reports.observe("program", text)
}
