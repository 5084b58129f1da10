package drivers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/lapse-test/lapse/drivers/bounds"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// DriveConfig is what a driver is made of.
type DriveConfig struct {
	// Addr is where the run listens, Name what the driver is called there.
	Addr, Name string
	Token      Token
	// Lapse is this program's version.
	Lapse string
	// Wait is how long a run that does not listen yet is waited for.
	Wait time.Duration
	// Join finds the database that a job is about.
	Join func(ctx context.Context, job *Job) (targets.Joined, error)
	// Clock is what stamps are taken from, nil for the machine's monotonic clock.
	Clock func() time.Duration
	// Note tells the user a line.
	Note func(string)
}

// dialEvery is the pause between two tries to reach a run.
const dialEvery = 200 * time.Millisecond

// Drive joins the run that listens at an address and works for it until it is over, which is no error.
// When ctx is done it leaves, and returns the error of ctx. Errors are *cluster.EnvironmentError.
func Drive(ctx context.Context, cfg DriveConfig) (operations int, err error) {
	conn, err := dial(ctx, cfg)
	if err != nil {
		return 0, err
	}
	d := &driver{
		cfg: cfg, conn: conn, in: bufio.NewReader(conn), clock: bounds.NewClock(cfg.Clock),
		clients: map[int64]*client{}, texts: newTexts(),
	}
	defer d.end()
	if err := d.greet(); err != nil {
		return 0, &cluster.EnvironmentError{Doing: "joining the run at " + cfg.Addr, Err: err, Way: "see what the run says, and that both have the same token and the same lapse"}
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, func() {
		d.send(&message{Kind: kindLeave})
		_ = conn.Close()
	})()
	err = d.work(working)
	switch {
	case ctx.Err() != nil:
		return d.count(), ctx.Err()
	case err != nil:
		return d.count(), &cluster.EnvironmentError{Doing: "driving for the run at " + cfg.Addr, Err: err, Way: "see what the run says; lapse drive takes the place again while the run goes on"}
	}
	return d.count(), nil
}

// dial connects as soon as somebody listens.
func dial(ctx context.Context, cfg DriveConfig) (net.Conn, error) {
	limit := time.Now().Add(cfg.Wait)
	for {
		conn, err := (&net.Dialer{Timeout: greetTimeout}).DialContext(ctx, "tcp", cfg.Addr)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if time.Now().After(limit) {
			return nil, &cluster.EnvironmentError{Doing: "looking for the run at " + cfg.Addr, Err: err, Way: "start it with lapse run --drivers N --driver-listen " + cfg.Addr}
		}
		select {
		case <-time.After(dialEvery):
		case <-ctx.Done():
		}
	}
}

// driver is a driver that has reached its run.
type driver struct {
	cfg    DriveConfig
	conn   net.Conn
	in     *bufio.Reader
	clock  *bounds.Clock
	joined targets.Joined
	job    *Job
	texts  *texts

	writing sync.Mutex
	busy    sync.WaitGroup

	mu      sync.Mutex
	clients map[int64]*client
	did     int
}

// client is one client that the driver has.
type client struct {
	mu  sync.Mutex // one operation at a time
	c   targets.Client
	txn history.Txn
}

func (d *driver) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.did
}

// send sends m; if that fails, reading fails too.
func (d *driver) send(m *message) {
	d.writing.Lock()
	defer d.writing.Unlock()
	_ = d.conn.SetWriteDeadline(time.Now().Add(silence))
	if writeFrame(d.conn, m) != nil {
		_ = d.conn.Close()
	}
}

// greet shows the run that it has the token, and has it show the same.
func (d *driver) greet() error {
	if err := d.conn.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return err
	}
	hello, err := readFrame(d.in, maxGreeting)
	if err != nil {
		return fmt.Errorf("whoever listens there does not greet: %w", err)
	}
	if hello.Kind != kindHello {
		return errors.New("whoever listens there is no run of lapse")
	}
	own := nonce()
	err = writeFrame(d.conn, &message{
		Kind: kindJoin, Lapse: d.cfg.Lapse, Protocol: Protocol, Name: d.cfg.Name, Nonce: own,
		Proof: d.cfg.Token.proof(roleDriver, hello.Nonce, own),
	})
	if err != nil {
		return err
	}
	m, err := readFrame(d.in, maxGreeting)
	switch {
	case err != nil:
		return fmt.Errorf("it does not answer: %w", err)
	case m.Kind == kindRefused:
		return fmt.Errorf("it refuses: %s", cut(m.Reason))
	case m.Kind != kindWelcome || !d.cfg.Token.proves(m.Proof, roleCoordinator, own, hello.Nonce):
		return errors.New("it does not show that it has the token: it is not the run that it says it is")
	}
	return nil
}

// work does what the run asks for until it is over.
func (d *driver) work(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer d.busy.Wait()
	defer stop()
	for {
		if err := d.conn.SetDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		m, err := readFrame(d.in, maxFrame)
		var timeout net.Error
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the run is gone: its connection ended")
		case errors.As(err, &timeout) && timeout.Timeout():
			return fmt.Errorf("the run is gone: nothing was heard of it for %s", duration.Text(silence))
		case err != nil:
			return fmt.Errorf("the run is gone: %w", err)
		}
		switch m.Kind {
		case kindPing:
			d.send(&message{Kind: kindPong, Stamp: d.clock.Now()})
		case kindJob:
			if m.Job == nil || d.job != nil {
				return errors.New("the run gave no job, or a second one")
			}
			d.job = m.Job
			d.busy.Go(func() { d.begin(ctx) })
		case kindOpen:
			d.busy.Go(func() { d.open(ctx, m) })
		case kindDo:
			d.busy.Go(func() { d.do(ctx, m) })
		case kindClose:
			d.busy.Go(func() { d.close(m.Client) })
		case kindEnd:
			return nil
		}
	}
}

// begin finds the database.
func (d *driver) begin(ctx context.Context) {
	joined, err := d.cfg.Join(ctx, d.job)
	if err != nil {
		d.send(&message{Kind: kindGiveUp, Reason: cut(err.Error())})
		d.cfg.Note("the database cannot be reached from here: " + err.Error())
		return
	}
	d.mu.Lock()
	d.joined = joined
	d.mu.Unlock()
	d.cfg.Note(fmt.Sprintf("driving for run %s, nodes %v", d.job.Run, d.job.At))
	d.send(&message{Kind: kindReady})
}

// open opens a client.
func (d *driver) open(ctx context.Context, m *message) {
	reply := &message{Kind: kindOpened, Client: m.Client}
	defer func() { d.send(reply) }()
	d.mu.Lock()
	joined := d.joined
	d.mu.Unlock()
	if joined == nil || m.Session == nil {
		reply.Reason = "the driver has no database"
		return
	}
	s := m.Session
	ctx, cancel := context.WithTimeout(ctx, d.job.Deadline)
	defer cancel()
	c, err := joined.Open(ctx, targets.Session{
		ID: s.ID, Home: s.Home, Roam: s.Roam, Replica: s.Replica, Text: d.texts.value, Carried: s.Carried.unpack(),
	})
	if err != nil {
		reply.Reason = cut(err.Error())
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[m.Client] = &client{c: c}
}

// do carries out an operation.
func (d *driver) do(ctx context.Context, m *message) {
	d.mu.Lock()
	c := d.clients[m.Client]
	d.mu.Unlock()
	if c == nil || m.At < 0 || m.At >= len(d.job.At) {
		d.send(&message{Kind: kindDone, Client: m.Client}) // which is no answer
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	unpackTxn(m.Asked, &c.txn)
	ctx, cancel := context.WithTimeout(ctx, d.job.Deadline)
	defer cancel()
	began := d.clock.Now()
	res := c.c.Do(ctx, m.At, &c.txn)
	ended := d.clock.Now()
	s := packSeen(&c.txn, res, d.texts.text)
	s.Began, s.Ended = began, ended
	if heir, ok := c.c.(targets.Heir); ok {
		s.Carried = packCarried(heir.Carry())
	}
	d.send(&message{Kind: kindDone, Client: m.Client, Seen: s})
	d.mu.Lock()
	d.did++
	d.mu.Unlock()
}

// close closes a client.
func (d *driver) close(id int64) {
	d.mu.Lock()
	c := d.clients[id]
	delete(d.clients, id)
	d.mu.Unlock()
	if c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = c.c.Close() // the session has ended
	}
}

// end closes what is open.
func (d *driver) end() {
	_ = d.conn.Close()
	for id := range d.clients {
		d.close(id)
	}
	if d.joined != nil {
		_ = d.joined.Close()
	}
}
