package frame

import "sync"

// Streams are those that a server has open. The zero value has none. It is safe for concurrent use, and must not be copied.
type Streams struct {
	mu     sync.Mutex
	closed bool
	all    map[*Stream]struct{}
	wg     sync.WaitGroup
}

// Add keeps s until Remove, which whoever serves it calls last; false, and nothing is kept, after Close.
func (o *Streams) Add(s *Stream) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	if o.all == nil {
		o.all = map[*Stream]struct{}{}
	}
	o.all[s] = struct{}{}
	o.wg.Add(1)
	return true
}

// Remove forgets one that was added.
func (o *Streams) Remove(s *Stream) {
	o.mu.Lock()
	delete(o.all, s)
	o.mu.Unlock()
	o.wg.Done()
}

// Close lets no more be added, has end called for each that is open, one after the other, and returns when all were removed.
func (o *Streams) Close(end func(*Stream)) {
	o.mu.Lock()
	o.closed = true
	open := make([]*Stream, 0, len(o.all))
	for s := range o.all {
		open = append(open, s)
	}
	o.mu.Unlock()
	for _, s := range open {
		end(s)
	}
	o.wg.Wait()
}
