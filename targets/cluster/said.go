package cluster

import (
	"bytes"
	"fmt"
)

// MostSaid bounds what is kept of what a command on a node says, in bytes.
const MostSaid = 16 << 20

// Said keeps what a command says, up to MostSaid bytes, and takes the rest without keeping it, so that the command goes on. It
// is no io.Writer of several goroutines at once.
type Said struct {
	kept bytes.Buffer
	more bool
}

// Write implements io.Writer. It never fails.
func (s *Said) Write(p []byte) (int, error) {
	room := min(MostSaid-s.kept.Len(), len(p))
	s.more = s.more || room < len(p)
	_, _ = s.kept.Write(p[:room]) // a buffer takes all
	return len(p), nil
}

// Bytes returns what is kept.
func (s *Said) Bytes() []byte { return s.kept.Bytes() }

// Err says that the command said more than is kept, nil if it did not.
func (s *Said) Err() error {
	if s.more {
		return fmt.Errorf("it says more than %d bytes", MostSaid)
	}
	return nil
}
