package drivers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/drivers/bounds"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
)

// outgoing is how many messages wait to be sent at most: a side that does not read them is lost.
const outgoing = 4096

// seat is one driver that has joined.
type seat struct {
	of    *Coordinator
	name  string
	index int
	conn  net.Conn
	out   chan *message
	// isReady says that it has its job; of.mu guards it.
	isReady bool

	bounds bounds.Bounds

	mu sync.Mutex
	// asked are the questions that have no answer yet, one a client at most.
	asked map[int64]*question
	gone  chan struct{} // closed when it is lost
	why   error
}

// question is what a client waits for.
type question struct {
	number int64
	kind   string // of the answer
	to     chan answer
	limit  *time.Timer
}

// answer is a message for a client, and when it had come.
type answer struct {
	m  *message
	at history.Time
}

func newSeat(of *Coordinator, name string, conn net.Conn) *seat {
	return &seat{of: of, name: name, conn: conn, out: make(chan *message, outgoing), asked: map[int64]*question{}, gone: make(chan struct{})}
}

// send sends m if the driver takes messages at all.
func (s *seat) send(m *message) {
	select {
	case s.out <- m:
	default:
		s.fail(errors.New("it takes no messages"))
	}
}

// fail ends the driver's work; the first reason counts.
func (s *seat) fail(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		s.why = why
		close(s.gone)
	}
}

// serve talks with the driver until it is lost.
func (s *seat) serve() {
	var group sync.WaitGroup
	pongs := make(chan answer, 1)
	group.Go(s.write)
	group.Go(func() { s.readClock(pongs) })
	group.Go(func() { s.fail(s.read(pongs)) })
	<-s.gone
	// What is still to be sent, such as that the run is over, has a moment for it.
	_ = s.conn.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // it is closed next
	s.of.lose(s, s.why)
	group.Wait()
	_ = s.conn.Close()
}

func (s *seat) write() {
	for {
		select {
		case m := <-s.out:
			_ = s.conn.SetWriteDeadline(time.Now().Add(silence))
			if err := writeFrame(s.conn, m); err != nil {
				s.fail(ended(err))
				return
			}
		case <-s.gone:
			for {
				select {
				case m := <-s.out:
					if writeFrame(s.conn, m) != nil {
						return
					}
					continue
				default:
				}
				// The driver hears that nothing more comes; reading ends too.
				_ = s.conn.Close()
				return
			}
		}
	}
}

// ended puts an error of a connection in words.
func ended(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("its connection ended")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("nothing was heard of it for %s", duration.Text(silence))
	}
	return fmt.Errorf("its connection broke: %w", err)
}

// read reads messages until there are no more, and says why.
func (s *seat) read(pongs chan<- answer) error {
	in := bufio.NewReader(s.conn)
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(silence))
		m, err := readFrame(in, maxFrame)
		if err != nil {
			return ended(err)
		}
		if err := m.fromDriver(); err != nil {
			return err
		}
		switch m.Kind {
		case kindPong:
			select {
			case pongs <- answer{m, s.now()}:
			default: // nobody asked
			}
		case kindReady:
			s.of.ready(s)
		case kindGiveUp:
			return fmt.Errorf("it gave up: %s", m.Reason)
		case kindLeave:
			return errors.New("it left")
		case kindOpened, kindDone:
			if err := s.answered(answer{m, s.now()}); err != nil {
				return err
			}
		}
	}
}

// now is the clock of the history, 0 as long as there is none.
func (s *seat) now() history.Time {
	s.of.mu.Lock()
	stage := s.of.stage
	s.of.mu.Unlock()
	if stage == nil {
		return 0
	}
	return stage.Now()
}

// readClock reads the driver's clock again and again, one exchange after the other.
func (s *seat) readClock(pongs <-chan answer) {
	t := time.NewTimer(0)
	defer t.Stop()
	var recorded time.Time
	for {
		select {
		case <-t.C:
		case <-s.gone:
			return
		}
		sent := s.now()
		s.send(&message{Kind: kindPing})
		select {
		case p := <-pongs:
			r := bounds.Reading{Sent: sent, Received: p.at, Driver: p.m.Stamp}
			if sent > 0 && !s.bounds.Add(r) {
				s.fail(errors.New("its clock went back"))
				return
			}
			if sent > 0 && time.Since(recorded) >= clockEvery && s.recordClock(r) {
				recorded = time.Now()
			}
		case <-s.gone:
			return
		}
		t.Reset(readEvery)
	}
}

// recordClock records a reading of a driver that has its job.
func (s *seat) recordClock(r bounds.Reading) bool {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.of.over || !s.isReady {
		return false
	}
	least, most := r.Offset()
	s.of.record(history.Driver{Name: s.name, Seat: s.index, What: history.DriverClock, OffsetLeast: least, OffsetMost: most})
	return true
}

// ask sends m, which has a number that its client has not used, and returns where its answer will be. Without one the
// driver is lost after some time, whether or not somebody still waits for it.
func (s *seat) ask(m *message, kind string, within time.Duration) <-chan answer {
	q := &question{number: m.Number, kind: kind, to: make(chan answer, 1)}
	client := m.Client
	s.mu.Lock()
	s.asked[client] = q
	q.limit = time.AfterFunc(within, func() {
		s.mu.Lock()
		open := s.asked[client] == q
		s.mu.Unlock()
		if open {
			s.fail(errors.New("it did not end an operation in time"))
		}
	})
	s.mu.Unlock()
	s.send(m)
	return q.to
}

// answered hands an answer to whoever asked. One that nobody asked for, or that is of another question, would be taken
// for the answer to what the client asks next.
func (s *seat) answered(a answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.asked[a.m.Client]
	switch {
	case q == nil:
		return fmt.Errorf("it sent answer %d of client %d, which was not asked for", a.m.Number, a.m.Client)
	case q.number != a.m.Number:
		return fmt.Errorf("it sent answer %d of client %d, which was asked for answer %d", a.m.Number, a.m.Client, q.number)
	case q.kind != a.m.Kind:
		return fmt.Errorf("it sent %s to client %d, which was asked for %s", a.m.Kind, a.m.Client, q.kind)
	}
	delete(s.asked, a.m.Client)
	q.limit.Stop()
	q.to <- a
	return nil
}

// lost is why the driver is lost, nil if it is not.
func (s *seat) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		return nil
	}
	return fmt.Errorf("driver %s is lost: %w", s.name, s.why)
}
