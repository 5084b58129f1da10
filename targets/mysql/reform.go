package mysql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// standstill is how long all members may see each other without being a primary component before one of them is told to make one.
// They do by themselves within seconds where all of the last one are together again.
const standstill = 20 * time.Second

// unseen is how long nobody may look at them meanwhile: what they were in a longer time is not known.
const unseen = standstill / 2

// still is since when members have been seen at a standstill, and when they were last.
type still struct{ since, seen time.Time }

// seenAt notes that they are at a standstill, and tells whether they have been for long enough.
func (s *still) seenAt(now time.Time) bool {
	if s.seen.IsZero() || now.Sub(s.seen) > unseen {
		s.since = now
	}
	s.seen = now
	return now.Sub(s.since) >= standstill
}

// errNoOrder is why nobody is told to make a primary component.
var errNoOrder = errors.New("no member may be told to make a primary component")

// reform does what Galera's operators do when a cluster has lost its quorum for good (Galera documentation, "Resetting the Quorum"): the member
// with the last write set is told to make a primary component, and that is told. Only where nothing that was acknowledged can be lost by it: all members that have
// data run, have been in one component that is not primary for standstill, and each knows its own position. Its error is that it was told,
// or could not be; nil is that there was nothing to do. Node is one that is not in service.
func (s grouped) reform(ctx context.Context, node int) error {
	s.group.changing.Lock()
	defer s.group.changing.Unlock()
	if state, err := s.componentOf(ctx, node); err != nil || state != nonPrimary {
		if err == nil {
			s.group.still = still{}
		}
		return nil // who does not answer is heard of by the others
	}
	best, at, err := s.furthest(ctx)
	switch {
	case errors.Is(err, errNoOrder):
		s.group.still = still{}
		return err
	case !s.group.still.seenAt(time.Now()):
		return nil
	}
	s.group.still = still{}
	for i := range s.Nodes {
		if _, joins := s.transfers.again(i); i != best && !joins && !s.group.out.Has(i) {
			s.transfers.begin(i, false) // it may have to be sent what the other has
		}
	}
	if err := s.admin(ctx, best, func(c *conn) error {
		return c.execute(ctx, `SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'`)
	}); err != nil {
		return fmt.Errorf("telling %s to make a primary component: %w", s.Nodes[best].Name(), err)
	}
	s.Tell("quorum", "the members saw each other for %s and made no primary component; %s, which has the last write set (%d), was told to (pc.bootstrap), as an operator does", standstill, s.Nodes[best].Name(), at)
	return fmt.Errorf("%s was told to make a primary component", s.Nodes[best].Name())
}

// componentOf is wsrep_cluster_status of a node, or if it joins without data, and so does not answer before there is a primary component, of another that does.
func (s grouped) componentOf(ctx context.Context, node int) (state string, err error) {
	ask := func(i int) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return s.status(ctx, i, "wsrep_cluster_status")
	}
	if state, err = ask(node); err == nil || !s.transfers.blank(node) {
		return state, err
	}
	for i := range s.Nodes {
		if i != node && !s.transfers.blank(i) && !s.group.out.Has(i) {
			if state, err = ask(i); err == nil {
				return state, nil
			}
		}
	}
	return "", err
}

// nonPrimary is wsrep_cluster_status of who has no majority.
const nonPrimary = "non-Primary"

// furthest is the member with the last write set, and its number. An error that is errNoOrder says why nobody may be told to go on from there.
func (s grouped) furthest(ctx context.Context) (best int, at int64, err error) {
	best, at = -1, -1
	members, component := 0, ""
	for i, n := range s.Nodes {
		if s.group.out.Has(i) {
			continue
		}
		members++
		if s.transfers.blank(i) {
			continue // it has nothing
		}
		seen, err := s.standOf(ctx, i)
		switch {
		case err != nil:
			return 0, 0, fmt.Errorf("%w: %s: %w", errNoOrder, n.Name(), err)
		case component != "" && component != seen.size:
			return 0, 0, fmt.Errorf("%w: %s is in a component of %s, others in one of %s", errNoOrder, n.Name(), seen.size, component)
		}
		component = seen.size
		if seen.committed > at {
			best, at = i, seen.committed
		}
	}
	if size, err := strconv.Atoi(component); err != nil || 2*size <= members {
		return 0, 0, fmt.Errorf("%w: %q of %d see each other", errNoOrder, component, members)
	}
	return best, at, nil
}

// stand is where a member without a primary component stands.
type stand struct {
	size      string // of its component
	committed int64
}

func (s grouped) standOf(ctx context.Context, i int) (p stand, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var state, committed string
	for name, to := range map[string]*string{"wsrep_cluster_status": &state, "wsrep_cluster_size": &p.size, "wsrep_last_committed": &committed} {
		if *to, err = s.status(ctx, i, name); err != nil {
			return stand{}, err
		}
	}
	if state != nonPrimary {
		return stand{}, fmt.Errorf("it is %s", state)
	}
	if p.committed, err = strconv.ParseInt(committed, 10, 64); err != nil || p.committed < 0 {
		return stand{}, fmt.Errorf("it does not know its position (%s)", committed)
	}
	return p, nil
}
