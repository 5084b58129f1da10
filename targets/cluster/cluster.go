// Package cluster is where nodes run: handles for nodes and for the network
// between them, shared by targets (which start a database on them) and nemeses
// (which break them). The providers live in the packages below: sandbox (Linux
// namespaces), local (loopback with a proxy a link), docker and external.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Clients is the name of the place where the harness's clients are, as one end
// of a Link or of Cluster.Route.
const Clients = "clients"

// Spec says which nodes a target wants.
type Spec struct {
	// Run identifies the run; providers label with it what they make.
	Run string
	// Nodes are the nodes' names, unique, such as n1, n2, n3.
	Nodes []string
	// Beside are the names of further nodes, for what the database needs besides
	// itself. They are reached by name, as the others are, but not among Cluster.Nodes,
	// so that no fault and no client knows of them. Only the sandbox has them.
	Beside []string
	// Ports are the ports that every node listens on, as the database numbers
	// them. Providers that cannot give every node an address of its own map
	// them (see Cluster.Bind).
	Ports []int
	// LinkByLink says that the target can give each node another address for
	// each of its peers, which the local provider needs.
	LinkByLink bool
	// Cuts says that links are going to be cut, which not everybody may everywhere.
	Cuts bool
	// Links are the qualities that links have for as long as the cluster is there,
	// unless a Shape gives them more; those that are not in it are as they are. Only
	// networks that are Shapers have such links.
	Links map[Link]Quality
	// Needs are the capabilities of which use is going to be made. Not every provider has
	// them, nor every machine, and some cost something: Disks, each access.
	Needs []Capability
	// Container is how nodes are made that are containers, nil if they cannot be;
	// NoContainer then says why, as a sentence without its end, where there is
	// something to say.
	Container   *Container
	NoContainer string
	// Dir is where nodes' directories are made; empty means a place that
	// vanishes with the cluster.
	Dir string
	// LogDir is where the nodes' logs are written; it outlives the cluster.
	LogDir string

	// At are the addresses (host:port) of nodes that are there already, in the
	// order of Nodes. Such a Spec is for the provider external, and only for it.
	At []string
	// Alive is the liveness probe: it asks whoever is at an address for a sign of life
	// in the database's own protocol, without credentials and without changing
	// anything. That is how the state of a node is found whose processes cannot be
	// seen. It is called from several goroutines at once.
	Alive func(ctx context.Context, addr string) error
	// Operator has the commands of whoever runs those nodes; may be nil.
	Operator *Operator
	// Carry carries out one of the commands that Operator has (by the names in this
	// package) on a node, with the peers that it is about, instead of a shell; nil
	// leaves them to the shell. That a probe did not get through is ErrUnreachable. It
	// is called from several goroutines at once.
	Carry func(ctx context.Context, node, command string, peers []string) error
}

// Provider makes clusters.
type Provider interface {
	// Name is "sandbox", "local", "docker" or "external".
	Name() string
	// Available says why this provider cannot serve spec on this machine, nil
	// if it can. The error names the way out.
	Available(ctx context.Context, spec Spec) error
	// Open makes the nodes and the network between them; nothing runs on them
	// yet. What it made is gone after Close, and also after kill -9 of this
	// process.
	Open(ctx context.Context, spec Spec) (Cluster, error)
}

// Preparer is implemented by providers that have something to fetch before Open,
// which Open would do itself, though silently.
type Preparer interface {
	// Prepare makes what spec needs be there; progress gets a line at a time.
	Prepare(ctx context.Context, spec Spec, progress func(line string)) error
}

// Cleaner is implemented by providers whose runs can leave something behind when they
// are killed.
type Cleaner interface {
	// Clean removes that and returns a list of it. What belongs to a process that may
	// be alive stays. ErrNoEngine is in the error where there is nowhere to look.
	Clean(ctx context.Context) ([]Removed, error)
}

// ErrNoEngine is in the error of a provider that needs an engine, where none answers and the user has named none.
var ErrNoEngine = errors.New("no engine answers there")

// Removed is something that Clean removed.
type Removed struct {
	// Kind is container, network or the like.
	Kind string `json:"kind"`
	// Name is its own, at the engine or in the file system.
	Name string `json:"name"`
	// Run is the run that it belonged to, empty if that is not known.
	Run string `json:"run"`
}

// Cluster is a set of nodes with a network between them. All methods of it, of
// its nodes and of its network are safe for concurrent use.
type Cluster interface {
	// Provider is the name of the provider that made it.
	Provider() string
	// Nodes are the nodes in the order of the Spec.
	Nodes() []Node
	// Node is the node with that name, or an error that lists those there are.
	Node(name string) (Node, error)
	// Bind is the host:port that a process on node has to listen on so that it
	// serves port.
	Bind(node string, port int) (string, error)
	// Route is the host:port that a process on from (a node, or Clients) dials
	// to reach port on to. Under the local provider every ordered pair has an
	// address of its own, because each leads through its own proxy.
	Route(from, to string, port int) (string, error)
	// Network is the network between the nodes and the clients.
	Network() Network
	// Close ends everything that runs on the nodes and removes what Open made,
	// except for the logs.
	Close(ctx context.Context) error
}

// Command is a process to be run on a node.
type Command struct {
	// Path is the executable, absolute. Where nodes are containers (see ImageOf) it
	// may be a name that the image's own PATH finds, and Start takes an empty one
	// for the image's own entry point, which gets Args.
	Path string
	Args []string
	// Env is the whole environment, as KEY=value; nil means a minimal one
	// (PATH, HOME = the node's directory, LANG=C.UTF-8). In a container it is added
	// to the image's own, which the image's entry point gets alone if Env is nil.
	Env []string
	// Dir is the working directory; empty means the node's directory, and for an
	// image's entry point the one that the image names.
	Dir string
	// Log is the name of the log that stdout and stderr are appended to, below
	// Spec.LogDir/<node>/; empty means "stdout.log".
	Log string
	// NotRoot asks for a user id that is not 0, even where the harness is
	// root: Postgres refuses to run as root.
	NotRoot bool
	// Leaves are files outside of the node's directory that the main process leaves
	// when it is killed, absolute; PidMark in them stands for its process id. They are
	// removed when it and all that it started have ended, also after the harness was
	// killed. Containers take theirs along.
	Leaves []string
}

// PidMark stands for a process id in Command.Leaves.
const PidMark = "{pid}"

// Left are the files of c.Leaves of a main process with this id.
func (c Command) Left(pid int) []string {
	var out []string
	for _, path := range c.Leaves {
		out = append(out, strings.ReplaceAll(path, PidMark, strconv.Itoa(pid)))
	}
	return out
}

// Environ is the environment that c has on a node with this home directory, where it
// is no container.
func (c Command) Environ(home string) []string {
	if c.Env != nil {
		return c.Env
	}
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "LANG=C.UTF-8"}
}

// State is the state of a node's main process.
type State int

// The states of a node.
const (
	Stopped State = iota
	Running
	Paused
)

// String is the word for the state; what is no state is "stopped".
func (s State) String() string {
	switch s {
	case Running:
		return "running"
	case Paused:
		return "paused"
	}
	return "stopped"
}

// Node is one machine of the cluster, with one main process: the database.
type Node interface {
	// Name is that of the Spec, unique in the cluster, such as n1.
	Name() string
	// Address is the node's IP address, as other nodes see it.
	Address() string
	// Dir is the node's directory; it survives kill and restart of the process
	// and vanishes with the cluster.
	Dir() string
	// LogDir is where the node's logs are.
	LogDir() string
	// Start starts the main process. It is an error if one is running. That it
	// serves is for the target to find out.
	Start(ctx context.Context, cmd Command) error
	// Stop sends SIGTERM to the main process, waits for its end, and sends
	// SIGKILL to all that it started when ctx is done.
	Stop(ctx context.Context) error
	// Signal sends a signal (such as SIGINT for a fast shutdown of Postgres) to
	// the main process.
	Signal(sig int) error
	// Kill sends SIGKILL to the main process and everything that it started and
	// returns when all are gone. Killing a stopped node is no error.
	Kill(ctx context.Context) error
	// Pause stops (SIGSTOP, or the freezer of a container) the main process and
	// everything that it started and returns when they were seen to be stopped. It is
	// an error if no process runs.
	Pause(ctx context.Context) error
	// Resume continues what Pause stopped. If nothing is paused it does nothing.
	Resume(ctx context.Context) error
	// State is looked up, not remembered.
	State() State
	// Pid is the main process's id as this process sees it, 0 if stopped.
	Pid() int
	// Exited is closed when the main process that Start started last has
	// ended, for whatever reason.
	Exited() <-chan struct{}
	// Exec runs another command on the node to its end and returns what it
	// wrote on stdout and stderr together.
	Exec(ctx context.Context, cmd Command) ([]byte, error)
}

// Distant is implemented by nodes whose processes cannot be seen from here.
type Distant interface {
	// Seen describes in words the last look at the node's State.
	Seen() string
}

// Link is one direction between two nodes, or between a node and Clients: what is sent
// From one To the other. Both are names.
type Link struct{ From, To string }

// String is "n1>n2", as schedules and proofs have it.
func (l Link) String() string { return l.From + ">" + l.To }

// Drops counts what a cut link dropped since the cut.
type Drops struct {
	// Packets counts packets, under the local provider chunks of a stream.
	Packets uint64
	Bytes   uint64
}

// Network connects nodes and clients, link by link.
type Network interface {
	// Cut drops everything sent over the links from now on, both on open and on
	// new connections. Links that are cut already stay so.
	Cut(ctx context.Context, links ...Link) error
	// Heal undoes Cut for these links. One that is not cut is no error.
	Heal(ctx context.Context, links ...Link) error
	// HealAll undoes every Cut.
	HealAll(ctx context.Context) error
	// Drops counts what was dropped on each link that is cut.
	Drops(ctx context.Context) (map[Link]Drops, error)
	// Probe sends something over the link and returns nil if it arrived, and
	// ErrUnreachable (wrapped) if it did not until ctx was done. It tests this
	// one direction only.
	Probe(ctx context.Context, link Link) error
}

// ErrUnreachable is the error of a Probe over a cut link.
var ErrUnreachable = errors.New("unreachable")

// ErrNotCounted is the error of Drops where packets cannot be counted.
var ErrNotCounted = errors.New("packets cannot be counted here")

// Partial is implemented by networks that cannot probe every link.
type Partial interface {
	// Probes says whether Probe can tell anything of a link.
	Probes(link Link) bool
}

// Patient is implemented by clusters whose nodes take their time: what breaks and
// probes them are the commands of an external cluster's operator.
type Patient interface {
	// Patience is how long one such command may take.
	Patience() time.Duration
}

// Disposable is implemented by clusters that Close takes away with all that runs on them and all that was done to
// them: nothing has to be healed before.
type Disposable interface {
	// Disposable does nothing: having it is what counts.
	Disposable()
}

// Holder is implemented by clusters, and carriers of commands, where what is broken stays so only as long as
// something of lapse's holds it, which can be lost. Safe for concurrent use.
type Holder interface {
	// Lost says what was broken on the node since then and came to its end before it was healed; nil if
	// nothing was.
	Lost(ctx context.Context, node string, since time.Time) error
}

// EnvironmentError says that this machine or cluster cannot do what was asked:
// no fault of the user's input and no verdict on the database.
type EnvironmentError struct {
	// Doing names the action that failed, such as "starting Redis".
	Doing string
	// Err is the cause; it may be nil.
	Err error
	// Way is the way out for the user; empty if none is known.
	Way string
}

// Error joins the action, the cause and the way out in one line.
func (e *EnvironmentError) Error() string {
	s := e.Doing
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Way != "" {
		s += "; " + e.Way
	}
	return s
}

// Unwrap is Err, which may be nil.
func (e *EnvironmentError) Unwrap() error { return e.Err }

// ErrNotFetched is in the error of software that is not there yet and that the first run
// which needs it fetches.
var ErrNotFetched = errors.New("it is not in the cache")

// NodeNames are n1 ... n<count>.
func NodeNames(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i+1)
	}
	return names
}

// Both is the links between a and b in both directions.
func Both(a, b string) []Link { return []Link{{a, b}, {b, a}} }
