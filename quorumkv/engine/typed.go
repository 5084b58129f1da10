package engine

import "context"

// Typed is an engine that knows of more than values: counters and sets, each with keys of its own. Both methods may be called concurrently.
type Typed interface {
	// Update returns when the change is acknowledged at its level. Its errors are *Error with an Outcome.
	Update(ctx context.Context, req UpdateRequest) (WriteResult, error)
	// View returns a counter or a set as it is at a level. Its errors are *Error without an Outcome.
	View(ctx context.Context, req ViewRequest) (View, error)
}

// Type is what is under a key.
type Type string

// The types.
const (
	Counter Type = "counter"
	Set     Type = "set"
)

// UpdateRequest changes a counter by Add, which may be negative; or puts Element into a set, or removes it.
type UpdateRequest struct {
	Key     string
	Type    Type
	Add     int64
	Element string
	Remove  bool
	Level   string
}

// ViewRequest asks for a counter or a set.
type ViewRequest struct {
	Key   string
	Type  Type
	Level string
}

// View is a counter or a set: zero and empty when nothing was written.
type View struct {
	Total    int64
	Elements []string // sorted
	Answered []string // the nodes that answered
}
