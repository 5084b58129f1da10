package quorumkv

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// removing is how many names are removed at a time, and of a set or a map so many elements or fields; each request has patience.
const (
	removing       = 16
	removingWithin = 8
	patience       = 2 * time.Second
)

// remove has a node take away what was put into the store under a name, and reports whether it is gone for everybody: in mode multi-leader another region may
// have something that this one had not heard of, and then it is called again. What stays is what a delete leaves: a tombstone, a set without elements, a map without fields, a
// counter whose total is 0, which all read as if nothing had been written.
func (s *System) remove(ctx context.Context, node int, k kept) (gone bool, err error) {
	as := func(node int) *client.Client { return asTenant(s.admin[s.nodes[node]], k.tenant) }
	if s.cfg.Options[optMode] != multileader.Mode {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_, err := as(node).Delete(ctx, k.key, "")
		return err == nil || isCode(err, protocol.CodeNotFound), ignoring(err, protocol.CodeNotFound)
	}
	// One region takes away all: two of them would take the same increments away from a counter.
	if err := s.empty(ctx, as(0), k); err != nil {
		return false, err
	}
	for node := range s.nodes {
		there, err := s.look(ctx, as(node), k)
		if err != nil || !there.nothing() {
			return false, err
		}
	}
	return true, nil
}

// content is what a node knows of what was put under a name.
type content struct {
	value    *protocol.Value
	total    int64
	elements []string
	fields   []protocol.Field
}

func (c content) nothing() bool {
	return c.value == nil && c.total == 0 && len(c.elements) == 0 && len(c.fields) == 0
}

// look reads, in mode multi-leader, what the leader of a node's region knows.
func (s *System) look(ctx context.Context, conn *client.Client, k kept) (c content, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch k.typ {
	case engine.Counter:
		got, err := conn.Total(ctx, k.key, multileader.LevelLeader)
		return content{total: got.Total}, err
	case engine.Set:
		got, err := conn.Elements(ctx, k.key, multileader.LevelLeader)
		return content{elements: got.Elements}, err
	case engine.Map:
		got, err := conn.Fields(ctx, k.key, multileader.LevelLeader)
		return content{fields: got.Fields}, err
	}
	got, err := conn.Get(ctx, k.key, multileader.LevelLeader, "")
	return content{value: got}, err
}

// empty takes away, in mode multi-leader, all that the leader of a node's region knows.
func (s *System) empty(ctx context.Context, conn *client.Client, k kept) error {
	c, err := s.look(ctx, conn, k)
	if err != nil {
		return err
	}
	within := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return f(ctx)
	}
	var group errgroup.Group
	group.SetLimit(removingWithin)
	if c.value != nil {
		var seen []byte // siblings are replaced by who has seen them
		if s.keepsSiblings() {
			seen = c.value.Context
		}
		return within(func(ctx context.Context) error {
			_, err := conn.DeleteSeen(ctx, k.key, seen, "")
			return ignoring(err, protocol.CodeNotFound)
		})
	}
	if c.total != 0 {
		return within(func(ctx context.Context) error {
			_, err := conn.Increment(ctx, k.key, -c.total, "")
			return err
		})
	}
	for _, e := range c.elements {
		group.Go(func() error {
			return within(func(ctx context.Context) error {
				_, err := conn.SetRemove(ctx, k.key, e, "")
				return ignoring(err, string(engine.CodeConflict))
			})
		})
	}
	for _, f := range c.fields {
		group.Go(func() error {
			return within(func(ctx context.Context) error {
				_, err := conn.ChangeField(ctx, k.key, protocol.FieldChange{Field: f.Field, Drop: true}, "")
				return ignoring(err, string(engine.CodeConflict))
			})
		})
	}
	return group.Wait()
}

func isCode(err error, code string) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Code == code
}

// ignoring is an error unless it has the code.
func ignoring(err error, code string) error {
	if isCode(err, code) {
		return nil
	}
	return err
}
