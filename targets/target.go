// Package targets is what is tested: one folder a database, each with its
// topology, its configuration, its consistency levels, its client and its
// classification of errors. A database is added by adding one folder and one
// line in the registry.
package targets

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/wire"
)

// Option describes a setting of one target.
type Option struct {
	Name    string
	Default string
	// Values are the allowed ones, empty if it is free.
	Values []string
	Help   string
}

// Info says what a target offers.
type Info struct {
	Name string
	// Summary is one line for people.
	Summary string
	// ReadLevels and WriteLevels are examples or the full list; the first is
	// the default. Validate decides what is allowed.
	ReadLevels, WriteLevels []string
	Options                 []Option
	// Funcs are the micro-operations that it can do; MaxTxn is how many of them
	// in one transaction (1: no transactions).
	Funcs  []history.Func
	MaxTxn int
	// TxnUnmixed says that a transaction of several either only reads or only
	// writes.
	TxnUnmixed bool
	// Startup is about how long Start takes with DefaultNodes nodes on two cores, for
	// estimates; 0 is not known.
	Startup time.Duration
	// Quorums is the arithmetic of the levels, nil where nothing is known of it.
	Quorums Quorums
	// DefaultNodes is the number of nodes when the user names none.
	DefaultNodes, MinNodes, MaxNodes int
	// FindsNodes says that nobody but a program of the user's knows what the target is and
	// where its nodes are: it is a Describer that cannot do without being told the program.
	FindsNodes bool
}

// Sizes says how many nodes there may be: "one node", "1 to 9 nodes".
func (i Info) Sizes() string {
	if i.MaxNodes == 1 {
		return "one node"
	}
	return fmt.Sprintf("%d to %d nodes", i.MinNodes, i.MaxNodes)
}

// Target is one kind of database. Its methods may be called from several goroutines at once, and
// all but Start change nothing.
type Target interface {
	// Info is constant.
	Info() Info
	// Resolve checks cfg, fills in defaults and returns it completed. Its
	// errors are *UsageError: they name the value, why it cannot be served, and
	// what can.
	Resolve(cfg Config) (Config, error)
	// Abilities says beforehand what systems of the resolved cfg can do, so that a
	// fault that needs more is refused before the run. The System that Start returns
	// has the interface of each of them, which every run checks.
	Abilities(cfg Config) []ability.Ability
	// Spec says which nodes the resolved cfg needs.
	Spec(cfg Config) cluster.Spec
	// Start starts the database on c and returns when it is ready: a write and
	// a read went through every node. On error everything started is stopped.
	Start(ctx context.Context, c cluster.Cluster, cfg Config) (System, error)
}

// Fetcher is implemented by targets whose software is downloaded.
type Fetcher interface {
	// Fetch makes the software be there, in cfg.Cache or installed. It is
	// called before the sandbox is entered, because there is no network in it.
	// When the software is there it returns at once and needs no network.
	Fetch(ctx context.Context, cfg Config) error
	// Present says what is there (such as "PostgreSQL 18.3 at ...") and, if
	// something lacks, what and how to mend it.
	Present(ctx context.Context, cfg Config) (string, error)
}

// Software is where fetched software is.
type Software struct {
	Version string
	// Dir holds it.
	Dir string
	// Java is the java that it runs on, empty if it needs none.
	Java string
}

// System is a running database. What faults need of it are the interfaces of
// package ability. All methods but Stop are called from several goroutines at once,
// while clients are in use and nodes are broken.
type System interface {
	// Open opens a client for one session. Each worker calls it from its own
	// goroutine, and again for a new session of the same worker.
	Open(ctx context.Context, s Session) (Client, error)
	// Restart starts the process of a killed node again, with its data. Faults call
	// it, for different nodes at once.
	Restart(ctx context.Context, node string) error
	// Ready returns nil when node answers an operation, or would take part
	// again in serving one. Faults call it again and again, also of a node that is
	// cut off or has just been started.
	Ready(ctx context.Context, node string) error
	// Version is the database's own version, such as "PostgreSQL 18.3".
	Version() string
	// Stop ends the database (not the cluster). It is called once, after every client
	// was closed and nothing else is under way.
	Stop(ctx context.Context) error
}

// Session says who a client is.
type Session struct {
	// ID is the session's number in the history.
	ID int32
	// Home is the index of the node that the session stays with.
	Home int
	// Roam says that the session asks a node named anew for each operation
	// (the at of Client.Do) rather than staying with Home.
	Roam bool
	// Replica says that each node asked is to answer reads from its own copy, at the
	// level that the system's ReplicaLevel names. Such sessions only read.
	Replica bool
	// Text interns a value that the database returned and that is no integer:
	// foreign data is seen and reported, never dropped. Safe for concurrent use.
	Text func(string) history.Value
	// Life ends all connections of the client at once: every wire.Dialer of its gets it.
	// Nil has no end.
	Life *wire.Life
	// Carried is what the client before had whose session this one goes on with (Heir); zero
	// for none.
	Carried Carried
}

// Carried is what a session carries from one operation to the next besides its connections. The
// zero value is nothing.
type Carried struct {
	// LastWrite is when the session's own last write was answered, zero for none; it is of this
	// process, so that another one is told how long ago it was.
	LastWrite time.Time
	// Token is the position of its last write as the target spells it, such as an LSN or a GTID.
	Token string
}

// IsZero tells whether nothing is carried.
func (c Carried) IsZero() bool { return c.Token == "" && c.LastWrite.IsZero() }

// Heir is implemented by clients that carry something besides their connections.
type Heir interface {
	// Carry is all of it, for the Session.Carried of a client of the same database, in this process or in
	// another. No Do is under way meanwhile.
	Carry() Carried
}

// Client is the connection of one session: strictly sequential, with no retry,
// no speculative execution and no reconnection behind our back. After an
// operation whose outcome is info, or whenever Result.Broken is set, the harness
// closes it and opens another. One goroutine at a time, that of its worker, calls its
// methods; the clients of a System are used at the same time.
type Client interface {
	// Do carries out txn as one transaction (a plain operation is a transaction
	// of one) by the node with the index at, or by whichever node the levels
	// call for, and fills in what was seen (Txn.SetRead, SetVersion, SetList).
	// It returns at the deadline of ctx at the latest.
	Do(ctx context.Context, at int, txn *history.Txn) Result
	// Close frees the connection. The worker's goroutine calls it once, after its last Do has
	// returned; its error is noted and changes no outcome.
	io.Closer
}

// Result is how an operation ended.
type Result struct {
	Outcome history.Outcome
	// Err is why it did not succeed; nil when OK.
	Err error
	// Node is the index of the node that was really asked, -1 if none.
	Node int
	// Note is what the database told besides values, such as which replicas
	// answered. It must come from a small set: it is interned.
	Note string
	// Broken says that the connection is of no further use.
	Broken bool
}

// ReplicaPlacer is implemented by systems that can tell which nodes hold a key.
type ReplicaPlacer interface {
	// Replicas are the names of the nodes that hold key. It is called from one
	// goroutine, after the load.
	Replicas(ctx context.Context, key history.Key) ([]string, error)
}

// Talker is implemented by targets whose nodes have not all something to say to each
// other, so that to cut two of them off from each other may take no effect.
type Talker interface {
	// Talks says whether with the resolved cfg anything is sent over the link between
	// two nodes, or between a node and cluster.Clients, while primary is the node that
	// takes the writes. It is called from several goroutines at once.
	Talks(cfg Config, primary, from, to string) bool
}

// Lacker is implemented by targets that know why they have not an ability that one might
// expect of them.
type Lacker interface {
	// Lacks is the reason for which an ability is not among Abilities of the resolved cfg, and
	// the way out, as the end of a sentence; empty if the target knows none. Like all methods of
	// a Target it is a function of its arguments, which may be called from several goroutines at once.
	Lacks(cfg Config, a ability.Ability) string
}

// Detector is implemented by targets whose databases find out by themselves that a node
// is gone, and act on it.
type Detector interface {
	// Detection says how long that takes with the resolved cfg, the zero value where
	// nothing is detected; an After of 0 with By says why it is not known. Schedules hold some faults for longer and some for less.
	Detection(cfg Config) history.Detection
}

// ReplicaReader is implemented by systems that can read the copy of one node by itself,
// so that diverged replicas are told apart.
type ReplicaReader interface {
	// ReplicaLevel is the read level of sessions with Session.Replica, as the database
	// spells it; empty if this configuration has no such reads. It is constant, and asked for
	// before the first of them is opened.
	ReplicaLevel() string
}

// LagMeter is implemented by systems that can tell how far replicas are behind.
// The harness asks while the load is on and records each answer as an event
// (history.EventLag).
type LagMeter interface {
	// ReplicaLag is the lag of every replica that could be asked. One goroutine calls
	// it, while clients are in use and nodes are broken.
	ReplicaLag(ctx context.Context) ([]history.Lag, error)
}

// Measurer is implemented by systems that count what no client sees, such as how much a
// change of members copied. The harness asks once, after the load and the healing of all faults, and
// records each answer as an event (history.EventMeasure).
type Measurer interface {
	// Measures are the figures of everything that happened. It asks the nodes until ctx is done, and
	// returns the figures that it has by then. One goroutine calls it.
	Measures(ctx context.Context) []history.Measure
}

// Observer is implemented by systems that have something to tell of the run
// which no client saw, such as a failover. The harness stamps and records it.
type Observer interface {
	// Observe is called once, before any client is opened. The function that it gets
	// may be called from any goroutine until Stop returns.
	Observe(func(kind, text string))
}

// Promiser is implemented by targets that know what their database promises, and by systems
// where that depends on what was found, such as the version of an external cluster: what a
// system says goes before what its target says.
type Promiser interface {
	// Promises says for the models that it knows (by the names of the checkers)
	// whether the database promises them to clients that do these operations with
	// the resolved cfg, whatever happens to the network and to processes. A model
	// that is not in the map is one that it says nothing about.
	Promises(cfg Config, funcs []history.Func) map[string]bool
}

// ByName finds a target among those that are known. If it is not, the error is an
// *UnknownTargetError, which names them and is a UsageError.
func ByName(known []Target, name string) (Target, error) {
	names := make([]string, len(known))
	for i, t := range known {
		if names[i] = t.Info().Name; names[i] == name {
			return t, nil
		}
	}
	return nil, &UnknownTargetError{Name: name, Known: names}
}

// ResolveOptions fills in the defaults of the options that info describes and
// refuses unknown names and values.
func ResolveOptions(info Info, given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	names := make([]string, 0, len(info.Options))
	for _, o := range info.Options {
		out[o.Name] = o.Default
		names = append(names, o.Name)
	}
	for k, v := range given {
		i := slices.IndexFunc(info.Options, func(o Option) bool { return o.Name == k })
		if i < 0 {
			return nil, Usagef("--set %s=%s: target %s has no such option; it has: %s", k, v, info.Name, strings.Join(names, ", "))
		}
		o := info.Options[i]
		if len(o.Values) > 0 && !slices.Contains(o.Values, v) {
			return nil, Usagef("--set %s=%s: must be one of %s", k, v, strings.Join(o.Values, ", "))
		}
		out[k] = v
	}
	return out, nil
}
