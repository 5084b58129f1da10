package cluster

import (
	"context"
	"time"
)

// Quality is how a link carries what is sent over it. The zero value is as it is.
type Quality struct {
	// Delay is how much later everything arrives, in nanoseconds, and Jitter by how much
	// that varies both ways, evenly. What was sent first arrives first all the same.
	Delay  time.Duration `json:"delay_ns,omitempty"`
	Jitter time.Duration `json:"jitter_ns,omitempty"`
	// Rate is how many bytes a second the link carries; 0 is no bound.
	Rate int64 `json:"rate,omitempty"`
}

// Held counts what a shaped link has held back since it was shaped.
type Held struct {
	// Packets counts packets of the database, under the local provider chunks of a
	// stream; Waited is how long all of them waited together.
	Packets uint64
	Bytes   uint64
	Waited  time.Duration
}

// Shaper is implemented by networks that can carry what is sent later, or less of it,
// and can reset connections. Safe for concurrent use.
type Shaper interface {
	// Shape gives links a quality in place of the one that they got by another Shape, on
	// top of the one that they have by Spec.Links; the zero Quality makes them as
	// they were, and what is held back then goes out as it would have without.
	Shape(ctx context.Context, q Quality, links ...Link) error
	// Held counts what each link that a Shape has given a quality has held back.
	Held(ctx context.Context) (map[Link]Held, error)
	// Usual is the quality that a link has by Spec.Links.
	Usual(link Link) Quality
	// Reset ends all open connections that use one of the links by a reset on both
	// sides, and returns how many there were.
	Reset(ctx context.Context, links ...Link) (int, error)
	// RoundTrip is how long it takes something small from a to b and back, by the way
	// that the database's own packets take.
	RoundTrip(ctx context.Context, a, b string) (time.Duration, error)
}

// ShapingProvider is implemented by providers whose networks are Shapers.
type ShapingProvider interface {
	// Shapes is constant.
	Shapes() bool
}
