package engine

import "context"

// Typed is an engine that knows of more than values: counters, sets and maps, each with keys of its own. Both methods may be called concurrently.
type Typed interface {
	// Update returns when the change is acknowledged at its level. Its errors are *Error with an Outcome.
	Update(ctx context.Context, req UpdateRequest) (WriteResult, error)
	// View returns a counter, a set or a map as it is at a level. Its errors are *Error without an Outcome.
	View(ctx context.Context, req ViewRequest) (View, error)
}

// Type is what is under a key.
type Type string

// The types.
const (
	Counter Type = "counter"
	Set     Type = "set"
	Map     Type = "map"
	// Register is the type of fields of maps alone: what is under /kv is none of Typed.
	Register Type = "register"
)

// FieldChange changes the field of a map that has this name and type: adds Add to a counter, puts Content into a set or, with Remove, takes
// it out, or makes it the value of a register. With Drop the fields of that name, of every type, are removed, and Type counts for nothing.
type FieldChange struct {
	Field   string
	Type    Type
	Add     int64
	Content string
	Remove  bool
	Drop    bool
}

// Field is a field of a map: the total of a counter; the elements of a set or the values of a register that did not know of each other, sorted.
type Field struct {
	Name     string   `json:"name"`
	Type     Type     `json:"type"`
	Total    int64    `json:"total,omitempty"`
	Contents []string `json:"contents,omitempty"`
}

// UpdateRequest changes a counter by Add, which may be negative; or puts Element into a set, or removes it; or changes a map as By says.
type UpdateRequest struct {
	Key     string
	Type    Type
	Add     int64
	Element string
	Remove  bool
	By      FieldChange
	Level   string
}

// ViewRequest asks for a counter, a set or a map.
type ViewRequest struct {
	Key   string
	Type  Type
	Level string
}

// View is a counter, a set or a map: zero and empty when nothing was written.
type View struct {
	Total    int64
	Elements []string // sorted
	Fields   []Field  // by name, and of one name by type
	Answered []string // the nodes that answered
}
