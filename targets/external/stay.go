package external

import (
	"context"
	"errors"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Stay is what every Driver embeds, by value, in a struct that is used by pointer. The
// zero value is ready. Its methods are safe for concurrent use except for Stop.
type Stay struct {
	driver  Driver
	cluster cluster.Cluster
	// mayExist says that the place was made, or may have been.
	mayExist bool
}

// stay is the method of Driver that only who embeds a Stay has.
func (s *Stay) stay() *Stay { return s }

var _ interface{ stay() *Stay } = (*Stay)(nil)

func (s *Stay) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	if err := mustBeFree(ctx, s.driver); err != nil {
		return err
	}
	s.mayExist = true
	if err := s.driver.Make(ctx); err != nil {
		var refused *refusedError
		s.mayExist = !errors.As(err, &refused)
		what, _ := s.driver.Place(s.driver.Own())
		if errors.Is(err, ErrTaken) {
			return takenError(what)
		}
		return err
	}
	return s.driver.Prove(ctx)
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

// Cluster is where the run is; nil before it begins.
func (s *Stay) Cluster() cluster.Cluster { return s.cluster }

// Stop implements targets.System: the run's place is removed, if it made it, and the
// Driver is closed. If the place cannot be removed, the error says how to.
func (s *Stay) Stop(ctx context.Context) error {
	if !s.mayExist {
		return s.driver.Close()
	}
	what, remove := s.driver.Place(s.driver.Own())
	err := cluster.Await(ctx, what+" to be removed", s.driver.Drop)
	if err != nil {
		err = &cluster.EnvironmentError{Doing: "removing " + what, Err: err, Way: "it is still there; remove it with: " + remove}
	} else {
		s.mayExist = false
	}
	return errors.Join(err, s.driver.Close())
}

// ErrTaken is what Make returns when the run's own place is there already; nothing
// was made then.
var ErrTaken error = &refusedError{errors.New("there is one of this name already, which this run has not made")}

// refusedError is an error after which nothing was made.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// Refused wraps an error of Make that says for certain that nothing was made, such as
// one that the database itself answered. Then nothing is removed either.
func Refused(err error) error { return &refusedError{err} }

func takenError(what string) error {
	return &cluster.EnvironmentError{
		Doing: "making " + what, Err: errors.New("there is one of this name already, which this run has not made"),
		Way: "nothing was touched; run again, which makes another name",
	}
}
