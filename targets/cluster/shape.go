package cluster

import (
	"context"
	"fmt"
	"time"
)

// Quality is how a link carries what is sent over it. The zero value is as it is.
type Quality struct {
	// Delay is how much later everything arrives, in nanoseconds, and Jitter by how much
	// that varies both ways, evenly. What was sent first arrives first all the same, but
	// for Reorder.
	Delay  time.Duration `json:"delay_ns,omitempty"`
	Jitter time.Duration `json:"jitter_ns,omitempty"`
	// Rate is how many bytes a second the link carries; 0 is no bound.
	Rate int64 `json:"rate,omitempty"`
	// Loss is the share of packets that are lost, from 0 to 1, each by itself; with Burst in
	// bursts in which all are, that last so long on average, for that share of the time.
	Loss  float64       `json:"loss,omitempty"`
	Burst time.Duration `json:"burst_ns,omitempty"`
	// Duplicate is the share of packets that arrive twice, from 0 to 1.
	Duplicate float64 `json:"duplicate,omitempty"`
	// Reorder is the share of packets that do not wait for Delay, and so overtake those
	// sent before, from 0 to 1.
	Reorder float64 `json:"reorder,omitempty"`
}

// Check says what is wrong with q, nil if a link can be so.
func (q Quality) Check() error {
	part := func(share float64) bool { return share >= 0 && share <= 1 }
	switch {
	case q.Delay < 0, q.Jitter < 0, q.Jitter > q.Delay, q.Rate < 0:
		return fmt.Errorf("a delay of %s that varies by %s and a rate of %d cannot be: nothing may be negative, and a delay varies by itself at most", q.Delay, q.Jitter, q.Rate)
	case !part(q.Loss), !part(q.Duplicate), !part(q.Reorder):
		return fmt.Errorf("loss %v, duplicate %v and reorder %v must be shares from 0 to 1, such as 0.2", q.Loss, q.Duplicate, q.Reorder)
	case q.Burst < 0, q.Burst > 0 && (q.Loss == 0 || q.Loss == 1):
		return fmt.Errorf("bursts of %s with a loss of %v cannot be: bursts are above 0, and between them something must pass (a loss above 0 and below 1)", q.Burst, q.Loss)
	case q.Reorder > 0 && q.Delay == 0:
		return fmt.Errorf("packets overtake others that wait: reorder %v needs a delay", q.Reorder)
	}
	return nil
}

// What a network can do to what is sent over its links.
var (
	HoldsBack  = onLinks("delay", "hold back what is sent", "links that are slow or narrow, and regions that are apart")
	Resets     = onLinks("reset", "reset connections", "connections that break")
	Loses      = onLinks("loss", "lose packets", "packets that are lost")
	Duplicates = onLinks("duplicate", "send packets twice", "packets that arrive twice")
	Reorders   = onLinks("reorder", "let packets overtake each other", "packets that overtake others")
)

func onLinks(word, can, use string) Capability {
	return networkIs[Shaper]{words{word, "links on which lapse can " + can, use}}
}

// Needs are what a network must have for links of this quality.
func (q Quality) Needs() []Capability {
	var out []Capability
	for _, t := range []struct {
		has   bool
		needs Capability
	}{
		{q.Delay > 0 || q.Rate > 0, HoldsBack},
		{q.Loss > 0, Loses},
		{q.Duplicate > 0, Duplicates},
		{q.Reorder > 0, Reorders},
	} {
		if t.has {
			out = append(out, t.needs)
		}
	}
	return out
}

// Atop is a link of quality usual that has q besides.
func (q Quality) Atop(usual Quality) Quality {
	q.Delay += usual.Delay
	q.Jitter += usual.Jitter
	if q.Rate == 0 || usual.Rate > 0 && usual.Rate < q.Rate {
		q.Rate = usual.Rate
	}
	return q
}

// Held counts what a shaped link has done to packets of the database since it was shaped.
type Held struct {
	// Packets counts those that were held back, under the local provider chunks of a
	// stream; Waited is how long all of them waited together.
	Packets uint64
	Bytes   uint64
	Waited  time.Duration
	// Passed, Lost, Twice and Overtook count those that arrived, did not, arrived twice, and
	// overtook others. Networks of streams do not count them.
	Passed, Lost, Twice, Overtook uint64
}

// Add adds the counts of another link.
func (h *Held) Add(o Held) {
	h.Packets += o.Packets
	h.Bytes += o.Bytes
	h.Waited += o.Waited
	h.Passed += o.Passed
	h.Lost += o.Lost
	h.Twice += o.Twice
	h.Overtook += o.Overtook
}

// Shaper is the interface of HoldsBack, Resets, Loses, Duplicates and Reorders, implemented by networks that can carry what is sent later, or less of it, and
// can reset connections. Safe for concurrent use.
type Shaper interface {
	// Shape gives links a quality in place of the one that they got by another Shape, on
	// top of the one that they have by Spec.Links; the zero Quality makes them as
	// they were, and what is held back then goes out as it would have without. A quality
	// that needs a Capability that the network has not is an error.
	Shape(ctx context.Context, q Quality, links ...Link) error
	// Held counts what each link that a Shape has given a quality has done.
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
