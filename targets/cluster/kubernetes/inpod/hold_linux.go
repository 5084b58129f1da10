package inpod

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// hold keeps a database from running. One that was killed is started again at once by what
// keeps the pod: it is stopped as soon as it is there, before it listens.
type hold struct {
	mu      sync.Mutex
	stopped []process
	// over ends the watch for a database that comes again, done is closed when it has; both
	// are nil if there is none.
	over, done chan struct{}
	trouble    error
}

// lookAgain is the time between two looks at what runs.
const lookAgain = 3 * time.Millisecond

// stop stops the database that listens on port, or kills it and keeps it from coming again.
func stop(port int, kill bool) (*hold, error) {
	all, err := database(port)
	if err != nil {
		return nil, err
	}
	h := &hold{}
	if kill {
		lines := map[string]bool{}
		for _, p := range all {
			lines[p.line] = true
		}
		h.over, h.done = make(chan struct{}), make(chan struct{})
		go h.watch(all, lines)
		for _, p := range all {
			if err := p.signal(unix.SIGKILL); err != nil {
				return nil, errors.Join(err, h.release())
			}
		}
		return h, nil
	}
	for _, p := range all {
		if err := h.stop(p); err != nil {
			return nil, errors.Join(err, h.release())
		}
	}
	for _, p := range all {
		for range 200 {
			if p.stopped() {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if !p.stopped() {
			return nil, errors.Join(fmt.Errorf("the process %d was told to stop, and runs", p.pid), h.release())
		}
	}
	return h, nil
}

func (h *hold) stop(p process) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = append(h.stopped, p) // before: what half-succeeds is to go on as well
	return p.signal(unix.SIGSTOP)
}

// watch stops what has one of the command lines, and is none of those that were killed.
func (h *hold) watch(killed []process, lines map[string]bool) {
	defer close(h.done)
	known := map[process]bool{}
	for _, p := range killed {
		known[p] = true
	}
	for {
		all, err := processes()
		for _, p := range all {
			if lines[p.line] && p.line != "" && !known[p] {
				known[p] = true
				err = errors.Join(err, h.stop(p))
			}
		}
		if err != nil {
			h.mu.Lock()
			if h.trouble == nil {
				h.trouble = err
			}
			h.mu.Unlock()
		}
		select {
		case <-h.over:
			return
		case <-time.After(lookAgain):
		}
	}
}

// release lets the database go on.
func (h *hold) release() error {
	if h.over != nil {
		close(h.over)
		<-h.done
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.trouble
	for _, p := range h.stopped {
		err = errors.Join(err, p.signal(unix.SIGCONT))
	}
	return err
}
