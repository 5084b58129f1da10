package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// hold is the ephemeral container of ours in one node's pod. Who uses its other fields has the turn.
type hold struct {
	turn chan struct{}

	attached *attachment
	// pod is the uid of the pod that the last container was put into, container that one's name, and used
	// says that there was an attachment to it.
	pod, container string
	used           bool
	// losses are the attachments that ended before what they held was healed.
	losses []loss
}

// loss is one of them.
type loss struct {
	at   time.Time
	held []string
	why  error
}

// take takes the turn, unless ctx is done before it is free.
func (h *hold) take(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave gives the turn back.
func (h *hold) leave() { <-h.turn }

// drop forgets the attachment, which has ended or is being ended, and remembers what it held, unless the pod was replaced.
func (h *hold) drop(replaced bool) {
	a := h.attached
	h.attached = nil
	if held := a.broken(); len(held) > 0 && !replaced {
		at, why := a.lost()
		h.losses = append(h.losses, loss{at: at, held: held, why: why})
	}
}

// lostSince is about the first loss after a time.
func (h *hold) lostSince(pod string, since time.Time) error {
	for _, l := range h.losses {
		if !l.at.Before(since) {
			return fmt.Errorf("it ended early: the hold on the pod %s was lost at %s, and with it what was done there (%s): %w",
				pod, l.at.UTC().Format(time.TimeOnly), strings.Join(l.held, ", "), l.why)
		}
	}
	return nil
}
