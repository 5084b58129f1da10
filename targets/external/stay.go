package external

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/wire"
)

// Stay is what every Driver embeds, by value, in a struct that is used by pointer; Kind.Visit is
// given it. Its methods are safe for concurrent use except for Stop.
type Stay struct {
	// Namespace is what the run makes for itself.
	Namespace Namespace
	// At are the addresses of the nodes, for people.
	At []string
	// Accesses are how each node is reached, by the Login of the Kind; nil without one.
	Accesses []wire.Access
	// Cures are the database's own ways out of its errors, for Explain. Visit sets them.
	Cures Cures
	// Lines has a line for each thing worth knowing of the cluster. What each node is comes first
	// by itself, and the version before all.
	Lines []string

	driver     Driver
	cluster    cluster.Cluster
	run        string
	carries    string
	identities *identities
	// mayExist says that the namespace was made, or may have been.
	mayExist bool
}

// stay is the method of Driver that only who embeds a Stay has.
func (s *Stay) stay() *Stay { return s }

var (
	_ interface{ stay() *Stay } = (*Stay)(nil)
	_ ability.Mortal            = (*Stay)(nil)
)

// Explain is an error of the node with this index, with the way out.
func (s *Stay) Explain(node int, err error) error {
	return s.Cures.Explain("asking the node at "+s.At[node], err)
}

// Carries implements ability.Mortal.
func (s *Stay) Carries() string { return s.carries }

func (s *Stay) begin(ctx context.Context, progress func(string)) error {
	making, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	found, err := free(making, s.driver)
	if err != nil {
		return err
	}
	if progress != nil {
		for _, line := range leftovers(s.driver, found) {
			progress(line)
		}
	}
	s.mayExist = true
	if err := s.driver.Make(making); err != nil {
		s.mayExist = !IsRefused(err)
		if errors.Is(err, ErrTaken) {
			return takenError(s.Namespace.String())
		}
		return err
	}
	follow(s.driver)
	return s.prove(ctx)
}

// prove returns when every node serves.
func (s *Stay) prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for i, addr := range s.At {
		group.Go(func() error {
			return cluster.Await(ctx, addr+" to serve", func(ctx context.Context) error { return s.driver.Serves(ctx, i) })
		})
	}
	err := group.Wait()
	var environment *cluster.EnvironmentError
	if err == nil || errors.As(err, &environment) {
		return err
	}
	return &cluster.EnvironmentError{
		Doing: "writing and reading by every node of --at", Err: err,
		Way: "see whether all of them are nodes of one cluster, enough are up for the levels, and no replica is behind for long",
	}
}

// Mark is the text that Make writes on the run's place.
func (s *Stay) Mark() string { return Mark(s.run) }

// Ready implements targets.System.
func (s *Stay) Ready(ctx context.Context, node string) error {
	i, err := s.Node(node)
	if err != nil {
		return err
	}
	return s.driver.Serves(ctx, i)
}

// InTurn asks the nodes one after the other until f returns nil, or an error that is
// final: the node answered, and another would not answer otherwise. Without final none is.
func (s *Stay) InTurn(f func(node int) error, final func(error) bool) error {
	var errs []error
	for i := range s.At {
		err := f(i)
		if err == nil || final != nil && final(err) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Restart implements ability.Restarter: the operator's command starts the node.
func (s *Stay) Restart(ctx context.Context, node string) error {
	n, err := s.cluster.Node(node)
	if err != nil {
		return err
	}
	return n.Start(ctx, cluster.Command{})
}

// Node is the index of the node with this name; the error says which there are.
func (s *Stay) Node(name string) (int, error) {
	for i, n := range s.cluster.Nodes() {
		if n.Name() == name {
			return i, nil
		}
	}
	_, err := s.cluster.Node(name) // says which there are
	return 0, err
}

// Names are those of the nodes with these indexes.
func (s *Stay) Names(indexes []int) []string { return cluster.Names(s.cluster.Nodes(), indexes) }

// Cluster is where the run is; nil before it begins.
func (s *Stay) Cluster() cluster.Cluster { return s.cluster }

// Stop implements targets.System: the run's place is removed, if it made it, and the
// Driver is closed. If the place cannot be removed, the error says how to.
func (s *Stay) Stop(ctx context.Context) error {
	if !s.mayExist {
		return s.driver.Close()
	}
	what, remove := s.Namespace.of(s.Namespace.Name)
	err := cluster.Await(ctx, what+" to be removed", s.driver.Drop)
	if err != nil {
		err = &cluster.EnvironmentError{Doing: "removing " + what, Err: err, Way: "it is still there; remove it with: " + remove}
	} else {
		s.mayExist = false
	}
	return errors.Join(err, s.driver.Close())
}

// ErrTaken is the error of Make when the run's own place is there already; nothing
// was made then.
var ErrTaken error = &refusedError{errors.New("there is one of this name already, which this run has not made")}

// refusedError is an error after which nothing was made.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// Refused wraps an error of Make that says for certain that nothing was made. Then nothing
// is removed either. That the database itself answered is not enough: some answers say that
// it does not know, or that it was stopped in the middle (outcome.Table.Undone tells).
func Refused(err error) error { return &refusedError{err} }

// Unmade is what an error of Make means, told as it is to be told: there is a place of this
// name already (ErrTaken), it was not made for certain (Refused), or it may be there all the
// same. No error is none.
func Unmade(taken, undone bool, told error) error {
	switch {
	case taken:
		return ErrTaken
	case undone:
		return Refused(told)
	}
	return told
}

// IsRefused says whether an error of Make says that nothing was made, as ErrTaken does.
func IsRefused(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused)
}

func takenError(what string) error {
	return &cluster.EnvironmentError{
		Doing: "making " + what, Err: errors.New("there is one of this name already, which this run has not made"),
		Way: "nothing was touched; run again, which makes another name",
	}
}
