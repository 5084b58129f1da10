package netspace

import "fmt"

// Waiting counts what is held back at an end.
func (s *Shaped) Waiting(end string) int {
	h := s.gates[end].holder
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.line)
}

// Queued counts what waits in the kernel at an end.
func (s *Shaped) Queued(end string) (int, error) { return s.gates[end].queued() }

// Stall keeps the reader of a queue from taking more than one packet, until the returned
// function is called.
func (s *Shaped) Stall(end string) (on func()) {
	h := s.gates[end].holder
	h.mu.Lock()
	return h.mu.Unlock
}

// LoseReaders ends the reading of all queues, as if the readers had died.
func (s *Shaped) LoseReaders() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gates {
		if g.holder != nil {
			if err := g.holder.queue.Close(); err != nil {
				return fmt.Errorf("at %s: %w", g.Name, err)
			}
			g.holder.ended.Wait()
		}
	}
	return nil
}
