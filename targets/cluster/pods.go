package cluster

import (
	"context"
	"io"
	"time"
)

// Pods are how the nodes of a target are made where something else keeps them running, as
// Kubernetes does: each by the entry point of an image, with a name in a DNS by which the
// others find it, and one directory that may outlive it.
type Pods struct {
	// Image is its name, with a tag or a digest; empty means the one of lapse itself.
	Image string
	// Command takes the place of the image's entry point, unless it is empty, and Args
	// that of its arguments. NodeVariable is added to its environment.
	Command, Args []string
	// Data is the directory that the database keeps its data in.
	Data string
	// Port is where clients are served.
	Port int
	// User is the number of the user that the entry point runs as, -1 for the image's own.
	User int64
}

// NodeVariable is the variable of a pod's environment that has the pod's own name.
const NodeVariable = "NODE"

// Errand is a run that is carried out elsewhere, beside the nodes that are made for it.
type Errand struct {
	// Name is that of all that is made for it; see Host.Whereabouts.
	Name string
	Pods Pods
	// Nodes is how many there are.
	Nodes int
	// Args are those of the command that carries it out there.
	Args []string
	// Enters says that its faults are done from within the nodes, and Removals in which
	// ways they take nodes away.
	Enters   bool
	Removals []Removal
	// Lasts is how long the load is about to take.
	Lasts time.Duration
	// Out is the directory on this machine in which the run is kept in the end.
	Out string
	// Said gets what the command there says, as it is said; Note gets a line at a time
	// about what is done here.
	Said io.Writer
	Note func(line string)
}

// Returned is what came back of an Errand.
type Returned struct {
	// Code is the exit code of the command.
	Code int
	// Run is the name of the run's directory below Errand.Out, empty if there was none.
	Run string
}

// Whereabouts are where the nodes of an Errand will be.
type Whereabouts struct {
	// Name is for Errand.Name.
	Name string
	// Hosts are the names by which nodes reach each other, in their order.
	Hosts []string
	// At is the mark (Finder) by which the command there finds them.
	At string
}

// Host is implemented by providers that carry out whole runs elsewhere instead of making nodes
// here.
type Host interface {
	// Whereabouts are those of so many nodes of a new run, which serve at a port. It makes nothing.
	Whereabouts(nodes, port int) Whereabouts
	// MayHost says why an errand cannot be carried out, by this user or at all, nil if it can.
	// It changes nothing.
	MayHost(ctx context.Context, e Errand) error
	// CarryOut makes the nodes, has the command carried out beside them, brings the run's
	// directory here and removes all that it has made, also when ctx is done before: then the
	// command is told to end in good order, and what it recorded is brought here all the
	// same. Returned is valid if the command ended, also beside an error.
	CarryOut(ctx context.Context, e Errand) (Returned, error)
}
