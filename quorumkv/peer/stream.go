package peer

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// keepAlive ends connections whose other side has vanished while nothing was being sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: time.Second, Count: 3}

// stream is the half of a connection that both sides share: it writes queued frames, many a system
// call, and closes once.
type stream struct {
	nc           net.Conn
	r            *bufio.Reader
	out          chan []byte
	writeTimeout time.Duration

	done chan struct{} // closed when the stream is; err is set before
	once sync.Once
	err  error
}

func newStream(nc net.Conn, r *bufio.Reader, queue int, writeTimeout time.Duration) *stream {
	raw := nc
	if over, ok := nc.(*tls.Conn); ok {
		raw = over.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // only makes detection faster
	}
	return &stream{nc: nc, r: r, out: make(chan []byte, queue), writeTimeout: writeTimeout, done: make(chan struct{})}
}

// close ends the stream for the given reason. Only the first reason counts.
func (s *stream) close(reason error) {
	s.once.Do(func() {
		s.err = reason
		close(s.done)
		s.nc.Close()
	})
}

var framePool = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func getFrame() []byte { return (*framePool.Get().(*[]byte))[:0] }

func putFrame(b []byte) {
	if cap(b) <= 64<<10 {
		framePool.Put(&b)
	}
}

// writeLoop sends queued frames until the stream is closed.
func (s *stream) writeLoop() {
	w := bufio.NewWriterSize(s.nc, 32<<10)
	for {
		select {
		case <-s.done:
			return
		case b := <-s.out:
			if err := s.writeBatch(w, b); err != nil {
				s.close(fmt.Errorf("write: %w", err))
				return
			}
		}
	}
}

func (s *stream) writeBatch(w *bufio.Writer, b []byte) error {
	// A write that the other side does not take must not block for ever.
	if err := s.nc.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
		return err
	}
	for {
		_, err := w.Write(b)
		putFrame(b)
		if err != nil {
			return err
		}
		select {
		case b = <-s.out:
		default:
			return w.Flush()
		}
	}
}
