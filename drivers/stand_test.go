package drivers

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// stand is a coordinator with its history and a database.
type stand struct {
	t      *testing.T
	c      *Coordinator
	rec    *history.Recorder
	path   string
	db     *register
	token  Token
	mu     sync.Mutex
	notes  []string
	driven sync.WaitGroup
	// counted is what drivers have told that they counted.
	counted atomic.Int64
	// stopped, if it is not nil, is what the line of a lost driver waits for, as a terminal that was stopped has it.
	stopped chan struct{}
}

// TakeCounts and AddCounts are the run's own system's.
func (s *stand) TakeCounts() []int64 { return nil }

func (s *stand) AddCounts(counts []int64) bool {
	if len(counts) != 1 {
		return false
	}
	s.counted.Add(counts[0])
	return true
}

const version = "1.2.3"

func newStand(t *testing.T, drivers int) *stand {
	t.Helper()
	s := &stand{t: t, db: newRegister(), token: Token{[]byte("a secret of sixteen")}, path: filepath.Join(t.TempDir(), "history.lapse")}
	var err error
	s.c, err = Listen(t.Context(), Config{Listen: "127.0.0.1:0", Drivers: drivers, Token: s.token, Lapse: version, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if s.rec, err = history.Create(s.path, history.Header{Nodes: []string{"n1"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.c.Close()
		_ = s.rec.Close()
		s.driven.Wait()
	})
	return s
}

// drive has a driver join; what it comes to is in the channel.
func (s *stand) drive(name string, clock func() time.Duration) <-chan error {
	over := make(chan error, 1)
	s.driven.Go(func() {
		_, err := Drive(context.Background(), DriveConfig{
			Addr: s.c.Addr(), Name: name, Token: s.token, Lapse: version, Clock: clock, Note: func(string) {},
			Join: func(context.Context, *Job) (targets.Joined, error) { return s.db, nil },
		})
		over <- err
	})
	return over
}

func (s *stand) begin() {
	s.t.Helper()
	err := s.c.Begin(s.t.Context(), Stage{
		Job: Job{Run: "test", Plan: json.RawMessage("{}"), At: []string{"n1:1"}, Deadline: time.Minute}, Nodes: 1,
		Now: s.rec.Now, Text: s.rec.Text, Tell: s.rec.Tell, Counter: s, Note: func(line string) {
			if s.stopped != nil && strings.Contains(line, "is lost") {
				<-s.stopped
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.notes = append(s.notes, line)
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// full waits until every seat has a driver with its job. A run begins once; who takes the place of a lost driver is given
// its job when it joins.
func (s *stand) full() {
	s.until(func() bool { return s.c.readyCount() == len(s.c.seats) })
}

// until waits for what it is told of the coordinator, whose lock it has then.
func (s *stand) until(is func() bool) {
	for {
		s.c.mu.Lock()
		done, changed := is(), s.c.changed
		s.c.mu.Unlock()
		if done {
			return
		}
		<-changed
	}
}

// worker is one client that records what it does.
type worker struct {
	s      *stand
	rec    *history.Client
	client *remote
	id     int32
}

func (s *stand) worker(seat int, session targets.Session) *worker {
	s.t.Helper()
	c, err := s.c.Open(s.t.Context(), seat, session)
	if err != nil {
		s.t.Fatal(err)
	}
	return &worker{s, s.rec.Client(), c.(*remote), session.ID}
}

// do carries out one operation and records it. It may be called from any goroutine.
func (w *worker) do(m history.Mop) (targets.Result, history.Mop) {
	txn := &history.Txn{Mops: []history.Mop{m}}
	if err := w.rec.Invoke(w.id, 0, 0, 0, txn); err != nil {
		w.s.t.Error(err)
	}
	res := w.client.Do(w.s.t.Context(), 0, txn)
	from, to := w.client.Within()
	if err := w.rec.CompleteWithin(from, to, res.Outcome, txn, 0, "", ""); err != nil {
		w.s.t.Error(err)
	}
	return res, txn.Mops[0]
}

// history ends the run and loads what was recorded.
func (s *stand) history() *history.History {
	s.t.Helper()
	s.c.End()
	if err := s.rec.Close(); err != nil {
		s.t.Fatal(err)
	}
	h, err := history.ReadFile(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

func (s *stand) status(h *history.History) checkers.Status {
	s.t.Helper()
	c, err := registry.ByName(models.Linearizable)
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := c.Check(s.t.Context(), h, checkers.Budget{})
	if err != nil {
		s.t.Fatal(err)
	}
	return v.Status
}

// done is a good answer to m.
func done(m *message) *message {
	s := &seen{Outcome: history.OK, Mops: make([]mopSeen, len(m.Asked))}
	for i := range s.Mops {
		s.Mops[i].Flags = history.Observed
	}
	return &message{Kind: kindDone, Client: m.Client, Number: m.Number, Seen: s}
}

// fake has a driver join that tells what answers has for an operation, and leaves when that is nothing.
func (s *stand) fake(name string, answers func(*message) []*message) {
	s.t.Helper()
	conn, in := s.greet(name, version, s.token)
	if m := s.next(in, kindWelcome); m.Lapse != version {
		s.t.Errorf("welcomed by %+v", m)
	}
	s.driven.Go(func() {
		for {
			m, err := readFrame(in, maxFrame)
			if err != nil {
				return
			}
			var out []*message
			switch m.Kind {
			case kindJob:
				out = []*message{{Kind: kindReady}}
			case kindOpen:
				out = []*message{{Kind: kindOpened, Client: m.Client, Number: m.Number}}
			case kindDo:
				if out = answers(m); out == nil {
					_ = conn.Close()
					return
				}
			}
			for _, answer := range out {
				_ = writeFrame(conn, answer)
			}
		}
	})
}

// awaitLost waits until the first seat is empty.
func (s *stand) awaitLost() {
	s.until(func() bool { return s.c.seats[0] == nil })
}

// greet asks to join by hand.
func (s *stand) greet(name, lapse string, token Token) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	raw, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.c.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = raw.Close() })
	conn := tls.Client(raw, clientTLS())
	channel, err := secure(s.t.Context(), conn)
	if err != nil {
		s.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	hello := s.next(in, kindHello)
	own := nonce()
	err = writeFrame(conn, &message{Kind: kindJoin, Lapse: lapse, Protocol: Protocol, Name: name, Nonce: own, Proof: token.proof(roleDriver, channel, hello.Nonce, own)})
	if err != nil {
		s.t.Fatal(err)
	}
	return conn, in
}

func (s *stand) next(in *bufio.Reader, kind string) *message {
	s.t.Helper()
	m, err := readFrame(in, maxGreeting)
	if err != nil {
		s.t.Fatal(err)
	}
	if m.Kind != kind {
		s.t.Fatalf("got %+v, want %s", m, kind)
	}
	return m
}

// play is a run that was made by hand: it greets a driver as a run does, and tells it these messages. What Drive
// comes to is returned.
func (s *stand) play(ctx context.Context, messages ...*message) error {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	config, err := serverTLS()
	if err != nil {
		s.t.Fatal(err)
	}
	s.driven.Go(func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(raw, config)
		defer conn.Close()
		channel, err := secure(context.Background(), conn)
		if err != nil {
			s.t.Error(err)
			return
		}
		own := nonce()
		_ = writeFrame(conn, &message{Kind: kindHello, Lapse: version, Protocol: Protocol, Nonce: own})
		join, err := readFrame(conn, maxGreeting)
		if err != nil {
			s.t.Error(err)
			return
		}
		_ = writeFrame(conn, &message{Kind: kindWelcome, Proof: s.token.proof(roleCoordinator, channel, join.Nonce, own)})
		in := bufio.NewReader(conn)
		for _, m := range messages {
			_ = writeFrame(conn, m)
			for m.Kind == kindJob {
				if got, err := readFrame(in, maxFrame); err != nil || got.Kind == kindReady {
					break
				}
			}
		}
		for {
			if _, err := readFrame(in, maxFrame); err != nil {
				return
			}
		}
	})
	_, err = Drive(ctx, DriveConfig{
		Addr: l.Addr().String(), Name: "eu", Token: s.token, Lapse: version, Note: func(string) {},
		Join: func(context.Context, *Job) (targets.Joined, error) { return s.db, nil },
	})
	return err
}
