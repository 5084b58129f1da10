package frame

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"
)

// keepAlive ends connections whose other side has vanished while nothing was being sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: time.Second, Count: 3}

// ErrFull says that so many frames wait to be written that no more are taken.
var ErrFull = errors.New("too many frames are waiting")

// keptBuffer is the largest buffer that is kept for the next frames.
const keptBuffer = 256 << 10

// Stream is what both sides of a connection share: frames that were queued are written by one goroutine, all that wait in one system
// call. It is closed once. All methods may be called concurrently, but those of R, which is for one reader.
type Stream struct {
	R *bufio.Reader

	conn         net.Conn
	limit        int
	writeTimeout time.Duration
	wake         chan struct{}
	done         chan struct{} // closed when the stream is; err is set before
	once         sync.Once
	err          error

	mu    sync.Mutex
	buf   []byte // of frames that wait
	spare []byte // what was written last, for reuse
	count int    // how many frames wait
	held  bool   // what waits is not written yet
	taken uint64 // how many bytes were taken out of buf to be written, since the beginning
	idle  chan struct{}
	going int // how many bytes the writer has taken that it has not written yet
}

// Place is where a queued frame stands in all that a stream writes.
type Place uint64

// NewStream makes a stream over a connection from which r reads. It takes up to limit frames that wait, and ends when a write is not taken by the other side
// for as long as writeTimeout. Call Run.
func NewStream(conn net.Conn, r *bufio.Reader, limit int, writeTimeout time.Duration) *Stream {
	raw := conn
	if over, ok := conn.(*tls.Conn); ok {
		raw = over.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // only makes detection faster
	}
	return &Stream{R: r, conn: conn, limit: limit, writeTimeout: writeTimeout, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Done is closed when the stream is.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Err is why the stream was closed, once Done is.
func (s *Stream) Err() error { return s.err }

// SetReadDeadline bounds reads from R, as that of a net.Conn does.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// Close ends the stream for the given reason. Only the first reason counts.
func (s *Stream) Close(reason error) {
	s.once.Do(func() {
		s.mu.Lock()
		s.err = reason
		close(s.done)
		s.change()
		s.mu.Unlock()
		s.conn.Close()
	})
}

// change wakes all who wait for room or for the end of what is written. The caller holds mu.
func (s *Stream) change() {
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// changed is closed at the next change. The caller holds mu.
func (s *Stream) changed() <-chan struct{} {
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	return s.idle
}

// closed tells whether the stream is. The caller holds mu.
func (s *Stream) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Queue queues a frame, whose body is what body appends, to be written with others. An error says that it never is: ErrFull, or why the stream was closed.
func (s *Stream) Queue(id uint64, kind byte, body func([]byte) []byte) (Place, error) {
	s.mu.Lock()
	if s.closed() {
		s.mu.Unlock()
		return 0, fmt.Errorf("connection closed: %w", s.err)
	}
	if s.count >= s.limit {
		s.mu.Unlock()
		return 0, ErrFull
	}
	return s.add(id, kind, body), nil
}

// QueueInTime is Queue of who waits for room: until there is, or the stream is closed, which one that does not drain is.
func (s *Stream) QueueInTime(id uint64, kind byte, body func([]byte) []byte) {
	s.mu.Lock()
	for s.count >= s.limit && !s.closed() {
		changed := s.changed()
		s.mu.Unlock()
		s.Release() // or there would never be any
		<-changed
		s.mu.Lock()
	}
	if s.closed() {
		s.mu.Unlock()
		return
	}
	s.add(id, kind, body)
}

// add appends a frame and unlocks mu.
func (s *Stream) add(id uint64, kind byte, body func([]byte) []byte) Place {
	at := s.taken + uint64(len(s.buf))
	wake := s.count == 0 && !s.held
	s.buf = Append(s.buf, id, kind, body)
	s.count++
	s.mu.Unlock()
	if wake {
		s.wakeUp()
	}
	return Place(at)
}

// Hold has what is queued wait until Release: of one who is about to queue several frames and waits for nothing in between.
func (s *Stream) Hold() {
	s.mu.Lock()
	s.held = true
	s.mu.Unlock()
}

// Release has what waits be written.
func (s *Stream) Release() {
	s.mu.Lock()
	wake := s.held && s.count > 0
	s.held = false
	s.mu.Unlock()
	if wake {
		s.wakeUp()
	}
}

// QueueBytes queues what is to be written before the first frame: the end of a greeting.
func (s *Stream) QueueBytes(b []byte) {
	s.mu.Lock()
	s.buf = append(s.buf, b...)
	s.count++
	s.mu.Unlock()
	s.wakeUp()
}

func (s *Stream) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Withdraw takes a queued frame back and reports whether the other side certainly never sees it: no part of it was handed to the network.
func (s *Stream) Withdraw(at Place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uint64(at) < s.taken {
		return false
	}
	s.buf[uint64(at)-s.taken+Head-1] = withdrawn
	return true
}

// Drained waits until at most so many bytes wait to be written or are being written, or the stream is closed.
func (s *Stream) Drained(bytes int) {
	for {
		s.mu.Lock()
		if len(s.buf)+s.going <= bytes || s.closed() {
			s.mu.Unlock()
			return
		}
		changed := s.changed()
		s.mu.Unlock()
		<-changed
	}
}

// Flushed waits until all that was queued has been written, or the stream or until is closed.
func (s *Stream) Flushed(until <-chan struct{}) {
	for {
		s.mu.Lock()
		if s.count == 0 && s.going == 0 || s.closed() {
			s.mu.Unlock()
			return
		}
		changed := s.changed()
		s.mu.Unlock()
		select {
		case <-changed:
		case <-until:
			return
		}
	}
}

// Run writes queued frames until the stream is closed.
func (s *Stream) Run() {
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		// Who else is about to queue a frame does it before the next system call.
		runtime.Gosched()
		if err := s.write(); err != nil {
			s.Close(fmt.Errorf("write: %w", err))
			return
		}
	}
}

// write writes what waits, once.
func (s *Stream) write() error {
	s.mu.Lock()
	b := s.buf
	s.buf, s.spare, s.count, s.going = s.spare[:0], nil, 0, len(b)
	s.taken += uint64(len(b))
	s.change()
	s.mu.Unlock()
	if len(b) == 0 {
		s.written(b)
		return nil
	}
	// A write that the other side does not take must not block for ever.
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	s.written(b)
	return err
}

func (s *Stream) written(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going = 0
	if cap(b) <= keptBuffer {
		s.spare = b
	}
	s.change()
}
