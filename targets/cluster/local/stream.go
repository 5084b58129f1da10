package local

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// lostWindow is how much a stream reads and throws away once it has lost
// something, before it leaves the rest to the sender.
const lostWindow = 64 << 10

// stream carries the bytes of one direction of a connection, or of a probe, over a
// link.
type stream struct {
	net        *network
	connection *connection // nil: a probe
	link       cluster.Link
	src        *net.TCPConn // read here
	dst        *net.TCPConn // write there; nil if the connection was not established
	probe      bool
	thrown     int // bytes that were lost; of the goroutine that writes

	// Guarded by net.mu.
	writing bool
	lost    bool // a stream with a hole carries nothing any more
}

// interrupt ends a write that is under way or to come; net.mu is held. The
// writer tells a cut from an error by looking at the link.
func (s *stream) interrupt() {
	if s.dst != nil {
		_ = s.dst.SetWriteDeadline(time.Unix(1, 0)) // fails only if closed
	}
}

func (s *stream) resume() {
	if s.dst != nil {
		_ = s.dst.SetWriteDeadline(time.Time{})
	}
}

// lose notes that bytes (or none: a SYN, FIN or RST) fell to a cut or go nowhere
// because something before them did; net.mu is held.
func (s *stream) lose(bytes int) {
	if s.probe {
		return
	}
	s.lost = true
	if d := s.net.cut[s.link]; d != nil {
		d.Packets++
		d.Bytes += uint64(bytes)
	}
	if s.connection.whole() { // healed while the write was being interrupted
		s.connection.resetLocked()
	}
}

// begin says whether a write may be made, and notes that it is under way.
func (s *stream) begin(bytes int) bool {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.lost || s.net.cut[s.link] != nil {
		s.lose(bytes)
		return false
	}
	s.writing = true
	return true
}

// end notes that a write has ended with so many bytes unwritten. It says whether
// a cut was the cause.
func (s *stream) end(left int, err error) (cut bool) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.writing = false
	s.net.idle.Broadcast()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.lose(left)
		return true
	}
	return false
}

// run carries bytes until the stream ends or breaks. It returns whether it ended
// as a stream should, with the end passed on.
func (s *stream) run() (orderly bool) {
	buf := make([]byte, 32<<10)
	var held *line // nil as long as the link was never shaped
	defer func() {
		if held != nil {
			held.end()
		}
	}()
	for {
		n, err := s.src.Read(buf)
		if n > 0 {
			due, later := s.due(n)
			if later && held == nil {
				held = newLine(s)
			}
			// What comes after something that is held back waits behind it.
			var passed bool
			if held != nil && (later || !held.idle()) {
				passed = held.put(buf[:n], due)
			} else {
				passed = s.write(buf[:n])
			}
			if !passed {
				return false
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if held != nil {
				carried := held.end()
				held = nil
				if !carried {
					return false
				}
			}
			return s.finish()
		case err != nil:
			s.broke(s)
			return false
		}
	}
}

// write passes on what was read, or loses it to a cut; it says whether there is any use
// in reading more.
func (s *stream) write(data []byte) bool {
	if !s.begin(len(data)) {
		s.thrown += len(data)
		return s.thrown <= lostWindow || s.probe
	}
	m, err := s.dst.Write(data)
	if s.end(len(data)-m, err) {
		return true
	}
	if err != nil {
		s.broke(s.reverse())
		return false
	}
	return true
}

// finish passes the end of the stream on.
func (s *stream) finish() bool {
	if !s.begin(0) {
		return false
	}
	err := s.dst.CloseWrite()
	return !s.end(0, err) && err == nil
}

func (s *stream) reverse() *stream {
	if s.probe {
		return nil
	}
	if s == s.connection.there {
		return s.connection.back
	}
	return s.connection.there
}

// broke handles that one side of the connection has reset its connection: the other
// hears of it over carrier's link, unless that is cut.
func (s *stream) broke(carrier *stream) {
	if s.probe {
		return
	}
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.connection.ended {
		return
	}
	if s.net.cut[carrier.link] != nil {
		carrier.lose(0)
		return
	}
	s.connection.resetLocked()
}
