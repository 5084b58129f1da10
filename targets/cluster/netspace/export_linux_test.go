package netspace

import "fmt"

// Waiting counts what is held back at an end.
func (s *Shaped) Waiting(end string) int {
	h := s.gates[end].holder
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.line)
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
