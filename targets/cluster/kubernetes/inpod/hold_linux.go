package inpod

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// hold keeps a database from running. One that was killed is started again at once by what
// keeps the pod: it is stopped as soon as it is there, before it listens.
type hold struct {
	mu      sync.Mutex
	stopped []process
	// paused are those that are to be stopped until they are let go.
	paused []process
	// over ends the watch for a database that comes again, done is closed when it has; both
	// are nil if there is none.
	over, done chan struct{}
	trouble    error
}

// lookAgain is the time between two looks at what runs.
const lookAgain = 3 * time.Millisecond

// stop stops the database that listens on port, or kills it and keeps it from coming again.
func stop(port int, kill bool) (*hold, error) {
	all, beside, err := database(port)
	if err != nil {
		return nil, err
	}
	h := &hold{}
	if kill {
		h.over, h.done = make(chan struct{}), make(chan struct{})
		go h.watch(newRevenants(all, beside))
		for _, p := range all {
			if err := p.signal(unix.SIGKILL); err != nil {
				return nil, errors.Join(err, h.release())
			}
		}
		return h, nil
	}
	err = h.pause(func() ([]process, error) {
		now, err := processes()
		return slices.DeleteFunc(now, func(p process) bool { return p.mounts != all[0].mounts }), err
	})
	if err != nil {
		return nil, errors.Join(err, h.release())
	}
	return h, nil
}

// pause stops what look finds, and what that has begun meanwhile, until two looks find nothing new:
// what is stopped begins nothing.
func (h *hold) pause(look func() ([]process, error)) error {
	const most = 100
	known := map[process]bool{}
	calm := 0
	for range most {
		all, err := look()
		if err != nil {
			return err
		}
		calm++
		for _, p := range all {
			if known[p] {
				continue
			}
			known[p], calm = true, 0
			if err := h.stop(p); err != nil {
				return err
			}
		}
		for _, p := range h.stopped {
			for range 200 {
				if p.stopped() {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if !p.stopped() {
				return fmt.Errorf("the process %d was told to stop, and runs", p.pid)
			}
		}
		if calm == 2 {
			h.paused = slices.DeleteFunc(slices.Clone(h.stopped), process.gone)
			return nil
		}
	}
	return fmt.Errorf("after %d looks at what runs there are still processes that were not there before", most)
}

// still is an error if what was stopped has ended or runs, or what was killed could not be kept from coming again.
// Nothing that is held is nil.
func (h *hold) still() error {
	if h == nil {
		return nil
	}
	for _, p := range h.paused {
		switch {
		case p.gone():
			return fmt.Errorf("the process %d, which was stopped, has been ended by somebody else: a liveness probe of its container may not have waited for the end of the pause", p.pid)
		case !p.stopped():
			return fmt.Errorf("the process %d, which was stopped, runs: somebody else has let it go on", p.pid)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.trouble
}

func (h *hold) stop(p process) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = append(h.stopped, p) // before: what half-succeeds is to go on as well
	return p.signal(unix.SIGSTOP)
}

// revenants tells a database that was killed and was started again from all else in the pod.
type revenants struct {
	// lines are the command lines of what was killed, beside the mounts of the other containers, where such a
	// line may be somebody else's.
	lines, beside map[string]bool
	// known are those that were seen already.
	known map[process]bool
}

func newRevenants(killed []process, beside map[string]bool) *revenants {
	r := &revenants{lines: map[string]bool{}, beside: beside, known: map[process]bool{}}
	for _, p := range killed {
		r.lines[p.line], r.known[p] = true, true
	}
	return r
}

// fresh tells whether p is one, and was not asked about before.
func (r *revenants) fresh(p process) bool {
	if p.line == "" || !r.lines[p.line] || r.beside[p.mounts] || r.known[p] {
		return false
	}
	r.known[p] = true
	return true
}

// watch stops what comes again.
func (h *hold) watch(r *revenants) {
	defer close(h.done)
	for {
		all, err := processes()
		for _, p := range all {
			if r.fresh(p) {
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
