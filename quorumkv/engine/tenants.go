package engine

import (
	"context"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// Lister is an engine that lists the keys of a tenant. Both methods may be called concurrently.
type Lister interface {
	// List is a page of what the tenant has, as its level promises. Its errors are *Error without an Outcome.
	List(ctx context.Context, req ListRequest) (ListResult, error)
	// Backup is a page of what this node alone has of the tenant; it asks nobody.
	Backup(req ListRequest) (ListResult, error)
}

// ListRequest asks for up to Limit keys of a tenant after the key After, in the order of bytes; for the first with an empty one.
type ListRequest struct {
	Tenant string
	After  string
	Limit  int
	Level  string // as the mode spells it; its default when empty
	// Part says that only keys from From on and below To are wanted, each without a bound where it is empty, and without a Tenant those of none.
	Part     bool
	From, To string
}

// Listed is a key of the tenant, by its own name, with its record.
type Listed struct {
	Key    string
	Record record.Record
}

// ListResult is a page without tombstones. There may be fewer than were asked for although more follow.
type ListResult struct {
	Keys []Listed
	// More says that keys may follow: those after Last.
	More     bool
	Last     string
	R        int      // how many replicas of each key were asked at least
	Asked    []string // the nodes that were asked
	Answered []string // of those, the nodes that answered
}
