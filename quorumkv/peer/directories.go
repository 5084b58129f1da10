package peer

import (
	"fmt"
	"net/http"
)

// Headers by which nodes tell each other of their data directories, in the request and in its answer.
const (
	headerDirectory = "Quorumkv-Directory"
	headerKnown     = "Quorumkv-Known"
)

// Directories are the names of data directories, by which a node is found out that has lost its own and does not say so. Nodes tell each other of them before
// the first request on a connection, in either direction. Its methods may be called concurrently.
type Directories interface {
	// Own is what this node says of its directory, one line of ASCII.
	Own() string
	// Known is what this node says of the directory by which it knows a peer; empty if it knows none.
	Known(peer string) string
	// Met takes what a peer says of its own directory, and of that by which it knows this node; either is empty if it says nothing. After an error,
	// which is one of the disk, there is no connection.
	Met(peer, theirs, mine string) error
}

// tell puts what d says to a peer into headers.
func tell(h http.Header, d Directories, peer string) {
	if d == nil {
		return
	}
	h.Set(headerDirectory, d.Own())
	if known := d.Known(peer); known != "" {
		h.Set(headerKnown, known)
	}
}

// hear takes what a peer says in its headers.
func hear(h http.Header, d Directories, peer string) error {
	if d == nil {
		return nil
	}
	if err := d.Met(peer, h.Get(headerDirectory), h.Get(headerKnown)); err != nil {
		return fmt.Errorf("note the directory of %s: %w", peer, err)
	}
	return nil
}
