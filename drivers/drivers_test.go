package drivers

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
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

// register is a database of registers. It is correct unless it is told to forget, and says to its clients' test what
// the clock of their driver showed.
type register struct {
	mu     sync.Mutex
	values map[history.Key][]history.Value
	// stale has reads return the value before the last.
	stale    bool
	sessions []targets.Session
	block    chan struct{} // operations wait for it, if it is not nil
	// linger, if it is not nil, is called between an answer and when the driver tells it.
	linger func()
	// shows, if it is not nil, is what nodes show.
	shows func(node int) error
	// refuses is why no client is opened, nil if one is.
	refuses error
	// counted is how many operations there were since that was asked last.
	counted int64
}

func newRegister() *register { return &register{values: map[history.Key][]history.Value{}} }

func (r *register) Close() error { return nil }

func (r *register) Shows(_ context.Context, node int) error {
	if r.shows == nil {
		return nil
	}
	return r.shows(node)
}

func (r *register) TakeCounts() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.counted
	r.counted = 0
	return []int64{n}
}

func (r *register) AddCounts([]int64) bool { return true }

func (r *register) Open(_ context.Context, s targets.Session) (targets.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses != nil {
		return nil, r.refuses
	}
	r.sessions = append(r.sessions, s)
	return &registerClient{r: r, text: s.Text, carried: s.Carried}, nil
}

type registerClient struct {
	r       *register
	text    func(string) history.Value
	carried targets.Carried
}

func (c *registerClient) Close() error { return nil }

func (c *registerClient) Carry() targets.Carried {
	if c.r.linger != nil {
		c.r.linger()
	}
	return c.carried
}

func (c *registerClient) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	if c.r.block != nil {
		select {
		case <-c.r.block:
		case <-ctx.Done():
		}
	}
	runtime.Gosched()
	c.r.mu.Lock()
	c.r.counted++
	m := &txn.Mops[0]
	list := c.r.values[m.Key]
	switch {
	case m.Func == history.Write:
		c.r.values[m.Key] = append(list, m.Arg)
		c.carried.Token, c.carried.LastWrite = m.Arg.String(), time.Now()
	case m.Key == foreign:
		txn.SetRead(0, c.text("<b>somebody else's</b>"))
	case c.r.stale && len(list) > 1:
		txn.SetRead(0, list[len(list)-2])
	case len(list) > 0:
		txn.SetRead(0, list[len(list)-1])
	default:
		txn.SetRead(0, history.Absent)
	}
	c.r.mu.Unlock()
	runtime.Gosched()
	return targets.Result{Outcome: history.OK, Node: at}
}

// foreign is the key with a value that no client wrote.
const foreign = history.Key(99)

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
		Now: s.rec.Now, Text: s.rec.Text, Event: s.rec.Event, Counter: s, Note: func(line string) {
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

// bent is a clock that runs fast or slow, stands still, and jumps both ways.
func bent(seed uint64) func() time.Duration {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 3))
	began := time.Now()
	pace, at, off := 1.0, time.Duration(0), time.Duration(r.IntN(int(time.Hour)))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		now := time.Since(began)
		off += time.Duration(float64(now-at) * pace)
		at = now
		switch r.IntN(20) {
		case 0:
			pace = r.Float64() * 3
		case 1:
			pace = 0
		case 2:
			off += time.Duration(r.IntN(int(time.Second)))
		case 3:
			off -= time.Duration(r.IntN(int(time.Second)))
		}
		return off
	}
}

// TestBentClocksRaiseNoAlarm: drivers whose clocks are good for nothing do what several clients ask
// of registers that are linearizable, and no run is blamed.
func TestBentClocksRaiseNoAlarm(t *testing.T) {
	for seed := range uint64(12) {
		s := newStand(t, 3)
		for i, name := range []string{"eu", "us", "ap"} {
			s.drive(name, bent(10*seed+uint64(i)))
		}
		s.begin()
		var group sync.WaitGroup
		for i := range 6 {
			w := s.worker(i, targets.Session{ID: int32(i + 1)})
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			group.Go(func() {
				for n := range 40 {
					m := history.Mop{Func: history.Read, Key: history.Key(n / 10)}
					if r.IntN(2) == 0 {
						m.Func, m.Arg = history.Write, history.Value(1+i+6*n)
					}
					if res, _ := w.do(m); res.Outcome != history.OK {
						t.Errorf("seed %d: %v", seed, res.Err)
					}
				}
			})
		}
		group.Wait()
		h := s.history()
		if got := s.status(h); got != checkers.Held || len(h.Ops) != 240 {
			t.Fatalf("seed %d: %d operations of a linearizable register: %s", seed, len(h.Ops), got)
		}
	}
}

// TestStaleReadIsFound: a read that another driver's client began after a write had been answered, and that
// does not see it, is found whatever the clocks say; the same with the value that was written is fine.
func TestStaleReadIsFound(t *testing.T) {
	for _, stale := range []bool{true, false} {
		for seed := range uint64(5) {
			s := newStand(t, 2)
			s.drive("eu", bent(seed))
			s.drive("us", bent(seed+100))
			s.begin()
			s.db.stale = stale
			a, b := s.worker(0, targets.Session{ID: 1}), s.worker(1, targets.Session{ID: 2})
			a.do(history.Mop{Func: history.Write, Arg: 1})
			a.do(history.Mop{Func: history.Write, Arg: 2})
			b.do(history.Mop{Func: history.Read})
			want := map[bool]checkers.Status{true: checkers.Violated, false: checkers.Held}[stale]
			if got := s.status(s.history()); got != want {
				t.Errorf("seed %d, stale %v: %s, want %s", seed, stale, got, want)
			}
		}
	}
}

// TestSessionMoves: a session goes on at another driver with its number and with what it carried.
func TestSessionMoves(t *testing.T) {
	s := newStand(t, 2)
	s.drive("eu", nil)
	s.drive("us", nil)
	s.begin()
	w := s.worker(0, targets.Session{ID: 7})
	if !w.client.Carry().IsZero() {
		t.Errorf("at first it carries %+v", w.client.Carry())
	}
	w.do(history.Mop{Func: history.Write, Arg: 5})
	carried := w.client.Carry()
	if carried.Token != "5" || carried.LastWrite.IsZero() || carried.LastWrite.After(time.Now()) {
		t.Fatalf("after a write it carries %+v", carried)
	}
	if err := w.client.Close(); err != nil {
		t.Fatal(err)
	}
	next := s.worker(1, targets.Session{ID: 7, Carried: carried})
	if res, m := next.do(history.Mop{Func: history.Read}); res.Outcome != history.OK || m.Ret != 5 {
		t.Errorf("the next client: %+v, %s", res, m.Ret)
	}
	if w.client.seat == next.client.seat {
		t.Error("both clients are at one driver")
	}
	last := s.db.sessions[len(s.db.sessions)-1]
	if last.ID != 7 || last.Carried.Token != "5" || last.Carried.LastWrite.IsZero() {
		t.Errorf("the database saw %+v", last)
	}
}

// TestForeignValue: what the database returned and nobody wrote is the text that it was.
func TestForeignValue(t *testing.T) {
	s := newStand(t, 1)
	s.drive("eu", nil)
	s.begin()
	_, m := s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read, Key: foreign})
	if got := s.history().ValueText(m.Ret); !strings.Contains(got, "<b>somebody else's</b>") {
		t.Errorf("it is told as %s", got)
	}
}

// TestLostDriver: what a driver has told is kept, what it was asked is indeterminate, its loss is
// recorded, and another one takes its place.
func TestLostDriver(t *testing.T) {
	s := newStand(t, 1)
	asked := make(chan struct{})
	n := 0
	s.fake("eu", func(m *message) []*message { // it answers once and then dies
		if n++; n == 2 {
			close(asked)
			return nil
		}
		return []*message{done(m)}
	})
	s.begin()
	w := s.worker(0, targets.Session{ID: 1})
	if res, _ := w.do(history.Mop{Func: history.Write, Arg: 1}); res.Outcome != history.OK {
		t.Errorf("before: %+v", res)
	}
	res, _ := w.do(history.Mop{Func: history.Write, Arg: 2})
	<-asked
	if res.Outcome != history.Info || !res.Broken || !strings.Contains(res.Err.Error(), "driver eu is lost") {
		t.Errorf("the operation that it was asked: %+v", res)
	}
	if res := w.client.Do(t.Context(), 0, &history.Txn{Mops: []history.Mop{{Func: history.Read}}}); res.Outcome != history.Fail {
		t.Errorf("what was never sent: %+v", res)
	}
	s.awaitLost()
	if _, err := s.c.Open(t.Context(), 0, targets.Session{ID: 2}); err == nil || !strings.Contains(err.Error(), "driver 1 of 1 is lost") {
		t.Errorf("a client of a driver that is lost: %v", err)
	}
	s.drive("us", nil)
	s.begin()
	if res, _ := s.worker(0, targets.Session{ID: 3}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the driver in its place: %+v", res)
	}
	h := s.history()
	if len(h.Ops) != 3 || h.Ops[0].Outcome != history.OK || h.Ops[1].Complete != history.Never {
		t.Errorf("%+v", h.Ops)
	}
	var told []string
	for i := range h.Events {
		if d, ok := h.Events[i].Driver(); ok && d.What != history.DriverClock {
			told = append(told, strings.TrimSpace(d.Name+" "+d.What+" "+d.Replaces))
			if d.Replaces != "" && d.Empty <= 0 {
				t.Errorf("the place was empty for %d ns", d.Empty)
			}
		}
	}
	if got := strings.Join(told, ", "); got != "eu joined, eu lost, us joined eu" {
		t.Errorf("recorded: %s", got)
	}
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
	for {
		s.c.mu.Lock()
		taken, changed := s.c.seats[0] != nil, s.c.changed
		s.c.mu.Unlock()
		if !taken {
			return
		}
		<-changed
	}
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

// TestRefused: who is not let in, and what it is told.
func TestRefused(t *testing.T) {
	s := newStand(t, 2)
	_, in := s.greet("eu", version, s.token)
	s.next(in, kindWelcome)
	for _, c := range []struct {
		name, lapse, token, says string
	}{
		{"us", version, "another secret, longer", "token"},
		{"us", "9.9.9", string(s.token.secret), "lapse " + version + " (protocol 2) and the driver is lapse 9.9.9"},
		{"eu", version, string(s.token.secret), "a driver eu already"},
		{"../us", version, string(s.token.secret), "no name"},
	} {
		_, in := s.greet(c.name, c.lapse, Token{[]byte(c.token)})
		if m := s.next(in, kindRefused); !strings.Contains(m.Reason, c.says) || strings.Contains(m.Reason, "secret") {
			t.Errorf("%+v is told %q", c, m.Reason)
		}
	}
	_, in = s.greet("us", version, s.token)
	s.next(in, kindWelcome)
	_, in = s.greet("ap", version, s.token)
	if m := s.next(in, kindRefused); !strings.Contains(m.Reason, "2 drivers already: eu, us") {
		t.Errorf("one too many is told %q", m.Reason)
	}
}

// TestFalseRun: a driver does not work for whoever has not the token, nor for who stands between it and the run: what
// both prove is of one connection.
func TestFalseRun(t *testing.T) {
	s := newStand(t, 1)
	for name, between := range map[string]func() (*message, func(*message) *message){
		"its own proof": func() (*message, func(*message) *message) {
			return &message{Kind: kindHello, Lapse: version, Protocol: Protocol, Nonce: nonce()}, func(join *message) *message {
				return &message{Kind: kindWelcome, Proof: join.Proof}
			}
		},
		"the run's messages, passed on": func() (*message, func(*message) *message) {
			raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.c.Addr())
			if err != nil {
				t.Error(err)
				return nil, nil
			}
			t.Cleanup(func() { _ = raw.Close() })
			conn := tls.Client(raw, clientTLS())
			hello, err := readFrame(conn, maxGreeting)
			if err != nil {
				t.Error(err)
			}
			return hello, func(join *message) *message {
				_ = writeFrame(conn, join)
				said, err := readFrame(conn, maxGreeting)
				if err != nil || said.Kind != kindRefused || !strings.Contains(said.Reason, "token") {
					t.Errorf("the run says %+v, %v", said, err)
				}
				return said
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			config, err := serverTLS()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				raw, err := l.Accept()
				if err != nil {
					return
				}
				conn := tls.Server(raw, config)
				defer conn.Close()
				hello, then := between()
				_ = writeFrame(conn, hello)
				if join, err := readFrame(conn, maxGreeting); err == nil {
					_ = writeFrame(conn, then(join))
					_, _ = readFrame(conn, maxGreeting)
				}
			}()
			_, err = Drive(t.Context(), DriveConfig{Addr: l.Addr().String(), Name: "eu", Token: s.token, Lapse: version})
			if err == nil || !strings.Contains(err.Error(), "does not show that it has the token") && !strings.Contains(err.Error(), "its token is another one") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestDriverEnds: with the run, with its own context, and when the run is gone.
func TestDriverEnds(t *testing.T) {
	s := newStand(t, 1)
	over := s.drive("eu", nil)
	s.begin()
	s.c.End()
	if err := <-over; err != nil {
		t.Errorf("at the end of the run: %v", err)
	}
	s = newStand(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	s.driven.Go(func() {
		_, err := Drive(ctx, DriveConfig{
			Addr: s.c.Addr(), Name: "eu", Token: s.token, Lapse: version, Note: func(string) {},
			Join: func(context.Context, *Job) (targets.Joined, error) { return s.db, nil },
		})
		left <- err
	})
	s.begin()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	s = newStand(t, 1)
	over = s.drive("eu", nil)
	s.begin()
	s.c.mu.Lock()
	conn := s.c.seats[0].conn
	s.c.mu.Unlock()
	_ = conn.Close()
	if err := <-over; err == nil || !strings.Contains(err.Error(), "the run is gone") {
		t.Errorf("without the run: %v", err)
	}
}

// TestStoppedTerminal: while nobody takes the line that says that one driver is lost, the other one works, and another
// takes the place; then the lines come in their order.
func TestStoppedTerminal(t *testing.T) {
	s := newStand(t, 2)
	s.stopped = make(chan struct{})
	s.fake("eu", func(*message) []*message { return nil })
	s.begun("eu")
	s.drive("us", nil)
	s.begin()
	s.worker(0, targets.Session{ID: 1}).do(history.Mop{Func: history.Read})
	s.awaitLost()
	if res, _ := s.worker(1, targets.Session{ID: 2}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the other driver: %+v", res)
	}
	s.drive("ap", nil)
	s.c.mu.Lock()
	for s.c.readyCount() < 2 {
		changed := s.c.changed
		s.c.mu.Unlock()
		<-changed
		s.c.mu.Lock()
	}
	s.c.mu.Unlock()
	if res, _ := s.worker(0, targets.Session{ID: 3}).do(history.Mop{Func: history.Read}); res.Outcome != history.OK {
		t.Errorf("the one in its place: %+v", res)
	}
	close(s.stopped)
	s.c.End()
	all := strings.Join(s.notes, "\n")
	if lost, joined := strings.Index(all, "driver eu is lost"), strings.Index(all, "driver ap joined, 2 of 2; the place of eu"); lost < 0 || joined < lost {
		t.Errorf("%q", s.notes)
	}
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

// TestRunAsksTooSoon: a run that asks for clients before there is a job, or before the driver has found the database, is
// refused; after that it is served.
func TestRunAsksTooSoon(t *testing.T) {
	job := &message{Kind: kindJob, Job: &Job{Run: "test", Plan: json.RawMessage("{}"), At: []string{"n1:1"}, Deadline: time.Minute}}
	open := &message{Kind: kindOpen, Client: 1, Number: 1, Session: &sessionWire{ID: 1}}
	do := &message{Kind: kindDo, Client: 1, Number: 2, Asked: []asked{{Func: history.Read}}}
	end := &message{Kind: kindEnd}
	for name, c := range map[string]struct {
		messages []*message
		says     string
	}{
		"in order":              {[]*message{job, open, do, end}, ""},
		"opened before the job": {[]*message{open, end}, "clients of a database that was not found yet"},
		"asked before the job":  {[]*message{do, end}, "clients of a database that was not found yet"},
		"opened twice":          {[]*message{job, open, open, end}, "a client that there is already"},
		"asked, never opened":   {[]*message{job, do, end}, "a client or a node that there is not"},
	} {
		err := newStand(t, 1).play(t.Context(), c.messages...)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestUnopenedClient: a client that could not be opened is not kept; one that could be is.
func TestUnopenedClient(t *testing.T) {
	for _, refused := range []error{nil, errors.New("no more sessions")} {
		s := newStand(t, 1)
		s.db.refuses = refused
		here, there := net.Pipe()
		_ = there.Close() // what it sends goes nowhere
		d := &driver{
			conn: tls.Client(here, clientTLS()), job: &Job{Deadline: time.Minute}, clients: map[int64]*client{}, texts: newTexts(),
			place: newPlace(s.db, []string{"n1:1"}),
		}
		if err := d.serve(t.Context(), &message{Kind: kindOpen, Client: 7, Session: &sessionWire{ID: 1}}); err != nil {
			t.Error(err)
		}
		d.busy.Wait()
		if _, kept := d.clients[7]; kept != (refused == nil) {
			t.Errorf("opening it: %v; kept: %v", refused, kept)
		}
	}
}

// TestInterruptedGreeting: who is interrupted while whoever listens says nothing leaves at once, and says that it was
// interrupted.
func TestInterruptedGreeting(t *testing.T) {
	for _, encrypts := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		config, err := serverTLS()
		if err != nil {
			t.Fatal(err)
		}
		ctx, interrupt := context.WithCancel(t.Context())
		var silent sync.WaitGroup
		silent.Go(func() {
			raw, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			if encrypts {
				if _, err := secure(context.Background(), tls.Server(raw, config)); err != nil {
					t.Error(err)
				}
			}
			interrupt()
			_, _ = io.Copy(io.Discard, raw) // until the driver is gone
		})
		_, err = Drive(ctx, DriveConfig{Addr: l.Addr().String(), Name: "eu", Token: Token{[]byte("a secret of sixteen")}, Lapse: version})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("encrypts %v: %v", encrypts, err)
		}
		silent.Wait()
		_ = l.Close()
	}
}

// TestReadToken: where it comes from, and that no error repeats it.
func TestReadToken(t *testing.T) {
	t.Setenv(TokenFileVariable, "")
	t.Setenv(TokenVariable, "")
	if _, err := ReadToken(""); err == nil || !strings.Contains(err.Error(), TokenVariable) {
		t.Errorf("none: %v", err)
	}
	t.Setenv(TokenVariable, "tooshort")
	if _, err := ReadToken(""); err == nil || strings.Contains(err.Error(), "tooshort") {
		t.Errorf("too short: %v", err)
	}
	t.Setenv(TokenVariable, " 0123456789abcdef\n")
	if got, err := ReadToken(""); err != nil || string(got.secret) != "0123456789abcdef" {
		t.Errorf("%v", err)
	}
	if _, err := ReadToken(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
}

// TestFrames: what is announced is not believed.
func TestFrames(t *testing.T) {
	for name, frame := range map[string]string{
		"too long": "\x00\x10\x00\x00{}", "cut off": "\x00\x00\x00\x05{}", "no JSON": "\x00\x00\x00\x02xx", "empty": "\x00\x00\x00\x00", "half a head": "\x00\x00",
	} {
		if m, err := readFrame(strings.NewReader(frame), maxGreeting); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
