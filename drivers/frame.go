package drivers

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// The largest frames: of strangers, and of those that have shown that they have the token.
const (
	maxGreeting = 4 << 10
	maxFrame    = 32 << 20
)

// writeFrame writes m as one frame: four bytes that say how many follow, the most significant
// first, and then JSON.
func writeFrame(w io.Writer, m *message) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	if len(payload) > maxFrame {
		return fmt.Errorf("a message of %d bytes: at most %d can be sent", len(payload), maxFrame)
	}
	frame := make([]byte, 4, 4+len(payload))
	binary.BigEndian.PutUint32(frame, uint32(len(payload)))
	_, err = w.Write(append(frame, payload...))
	return err
}

// readFrame reads one frame of at most limit bytes. Memory is taken as the bytes come, not as
// they are announced.
func readFrame(r io.Reader, limit int) (*message, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n > int64(limit) {
		return nil, fmt.Errorf("a message of %d bytes: at most %d are taken", n, limit)
	}
	payload, err := io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(payload)) < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return nil, fmt.Errorf("a message that is none: %w", err)
	}
	return &m, nil
}
