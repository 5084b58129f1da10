// Package inpod is what lapse does inside a pod: it runs as an ephemeral container beside the
// database, is told by lines of JSON on its standard input what to break, and answers each
// by one line. It heals what it has broken, and ends, when its input ends or nothing was said
// for Silence: so that nothing stays broken when whoever asked is no more.
package inpod

import "time"

// Silence is how long the agent waits for the next line; whoever asks says something, if only
// Ping, more often.
const Silence = time.Minute

// Ping asks for nothing but an answer, which is an error if a process that was stopped has ended or runs.
const Ping = "ping"

// Order is one line to the agent.
type Order struct {
	// Command is one of those of cluster.Commands, or Ping.
	Command string `json:"command"`
	// Port is where the database of this pod listens.
	Port int `json:"port,omitempty"`
	// Peers are IPv4 addresses with ports, by the names of the nodes; for probe there is one.
	Peers map[string]string `json:"peers,omitempty"`
}

// Answer is one line from it.
type Answer struct {
	// Error is why the order was not carried out, empty if it was.
	Error string `json:"error,omitempty"`
	// Unreachable says that a probe did not get through.
	Unreachable bool `json:"unreachable,omitempty"`
	// Dropped are the addresses from which packets are dropped now, as the kernel lists them.
	Dropped []string `json:"dropped,omitempty"`
}
