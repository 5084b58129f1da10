package cluster

import (
	"context"
	"time"
)

// Operator has the commands by which those who run an external cluster let faults be injected there. It
// is part of a stored plan.
type Operator struct {
	// Timeout bounds each command.
	Timeout time.Duration `json:"timeout_ns"`
	// Nodes are the commands of each node, by its name.
	Nodes map[string]Commands `json:"nodes"`
	// Source is where commands are given, for people; empty means the file of --operator.
	Source string `json:"-"`
	// Supervisor keeps the nodes running by itself; nil if none is known. Plans have the
	// mark by which it is found again.
	Supervisor Supervisor `json:"-"`
	// Carrier carries the commands out instead of a shell; nil leaves them to the shell. Its
	// commands are no text that could be stored.
	Carrier Carrier `json:"-"`
}

// Carrier carries out commands on the nodes of an external cluster by means of its own, as
// Kubernetes has some. Nodes are named as in Spec.Nodes. Safe for concurrent use.
type Carrier interface {
	// May says why these commands cannot be carried out, by this user or at all, nil if they
	// can. It changes nothing.
	May(ctx context.Context, commands []string) error
	// Carry carries out one of the commands on a node at an address, host:port, with the peers
	// that it is about. That a probe did not get through is ErrUnreachable.
	Carry(ctx context.Context, node, address, command string, peers []string) error
	// Close ends what Carry has started, and heals what is still broken by it.
	Close(ctx context.Context) error
}

// Supervised is the supervisor of the nodes, nil if none is known, as of an operator that is nil.
func (o *Operator) Supervised() Supervisor {
	if o == nil {
		return nil
	}
	return o.Supervisor
}

// Where is where the commands are given, for people.
func (o *Operator) Where() string {
	if o == nil || o.Source == "" {
		return "the file of --operator"
	}
	return o.Source
}

// Commands are done to one node. Each is a line for the shell; empty means that
// there is none.
type Commands struct {
	// Cut cuts the node off from the peers that LAPSE_PEERS names, in both
	// directions, and Heal lets it reach them again. Probe, on the node's own side,
	// ends with 0 if the one peer in LAPSE_PEERS can be reached.
	Cut   string `json:"cut,omitempty" yaml:"cut"`
	Heal  string `json:"heal,omitempty" yaml:"heal"`
	Probe string `json:"probe,omitempty" yaml:"probe"`
	// Kill ends the database on the node so that it stays down, and Start starts it.
	Kill  string `json:"kill,omitempty" yaml:"kill"`
	Start string `json:"start,omitempty" yaml:"start"`
	// Pause stops it for a while, and Resume lets it go on.
	Pause  string `json:"pause,omitempty" yaml:"pause"`
	Resume string `json:"resume,omitempty" yaml:"resume"`
}

// The names of the commands.
const (
	CommandCut    = "cut"
	CommandHeal   = "heal"
	CommandProbe  = "probe"
	CommandKill   = "kill"
	CommandStart  = "start"
	CommandPause  = "pause"
	CommandResume = "resume"
)

// Named is the command with one of the names above.
func (c Commands) Named(name string) string {
	switch name {
	case CommandCut:
		return c.Cut
	case CommandHeal:
		return c.Heal
	case CommandProbe:
		return c.Probe
	case CommandKill:
		return c.Kill
	case CommandStart:
		return c.Start
	case CommandPause:
		return c.Pause
	case CommandResume:
		return c.Resume
	}
	return ""
}

// Missing lists which of the named commands some of the nodes have not, such as
// "n2.kill"; an operator that is nil has none.
func (o *Operator) Missing(nodes []string, names ...string) []string {
	var out []string
	for _, n := range nodes {
		for _, name := range names {
			if o == nil || o.Nodes[n].Named(name) == "" {
				out = append(out, n+"."+name)
			}
		}
	}
	return out
}
