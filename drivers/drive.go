package drivers

import (
	"bufio"
	"context"
	"crypto/tls"
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
	raw, err := dial(ctx, cfg)
	if err != nil {
		return 0, err
	}
	conn := tls.Client(raw, clientTLS())
	d := &driver{
		cfg: cfg, conn: conn, in: bufio.NewReader(conn), clock: bounds.NewClock(cfg.Clock),
		clients: map[int64]*client{}, texts: newTexts(),
	}
	defer d.end()
	// An interrupt waits for nobody's greeting.
	welcomed := context.AfterFunc(ctx, func() { _ = raw.Close() })
	err = d.greet(ctx)
	welcomed()
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
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
	cfg   DriveConfig
	conn  *tls.Conn
	in    *bufio.Reader
	clock *bounds.Clock
	job   *Job
	texts *texts

	writing sync.Mutex
	busy    sync.WaitGroup

	mu sync.Mutex
	// place is where it works, nil until it is admitted.
	place   *place
	clients map[int64]*client
	did     int
}

// client is one client that the driver has, or is to open. Its lock is held while it is opened, asked or closed.
type client struct {
	mu  sync.Mutex
	c   targets.Client // nil if it could not be opened
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
func (d *driver) greet(ctx context.Context) error {
	if err := d.conn.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return err
	}
	channel, err := secure(ctx, d.conn)
	switch {
	case notEncrypted(err):
		return errors.New("whoever listens there is no run of lapse")
	case err != nil:
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
		Proof: d.cfg.Token.proof(roleDriver, channel, hello.Nonce, own),
	})
	if err != nil {
		return err
	}
	m, err := readFrame(d.in, maxGreeting)
	switch {
	case err != nil:
		return fmt.Errorf("it does not answer: %w", err)
	case m.Kind == kindRefused:
		return fmt.Errorf("it refuses: %s", history.Brief(m.Reason))
	case m.Kind != kindWelcome || !d.cfg.Token.proves(m.Proof, roleCoordinator, channel, own, hello.Nonce):
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
		if err := m.fromRun(); err != nil {
			return fmt.Errorf("it asks for what cannot be: %w", err)
		}
		switch m.Kind {
		case kindPing:
			d.send(&message{Kind: kindPong, Stamp: d.clock.Now()})
		case kindOpen, kindDo, kindClose:
			if err := d.serve(ctx, m); err != nil {
				return err
			}
		case kindJob:
			if d.job != nil {
				return errors.New("it asks for what cannot be: a second job")
			}
			d.job = m.Job
			d.busy.Go(func() { d.begin(ctx) })
		case kindEnd:
			return nil
		}
	}
}

// serve does what is asked of a client. A run asks for nothing before this driver has said that it is ready.
func (d *driver) serve(ctx context.Context, m *message) error {
	d.mu.Lock()
	c, p := d.clients[m.Client], d.place
	d.mu.Unlock()
	if p == nil {
		return errors.New("it asks for what cannot be: clients of a database that was not found yet")
	}
	switch m.Kind {
	case kindOpen:
		if c != nil {
			return errors.New("it asks for what cannot be: a client that there is already")
		}
		c = &client{}
		c.mu.Lock() // until it is opened, so that what is asked of it next waits
		d.mu.Lock()
		d.clients[m.Client] = c
		d.mu.Unlock()
		d.busy.Go(func() { d.open(ctx, c, m) })
	case kindDo:
		if c == nil || m.At < 0 || m.At >= len(d.job.At) {
			return errors.New("it asks for what cannot be: a client or a node that there is not")
		}
		d.busy.Go(func() { d.do(ctx, c, m) })
	case kindClose:
		if c != nil {
			d.forget(m.Client)
			d.busy.Go(c.close)
		}
	}
	return nil
}

// forget takes a client from those that there are.
func (d *driver) forget(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clients, id)
}

// begin finds the database, and sees that it is the run's. A driver that comes while faults are on looks again until the
// database lets it in.
func (d *driver) begin(ctx context.Context) {
	for told := false; ; {
		p, err := d.find(ctx)
		var wrong *targets.UsageError
		switch {
		case err == nil:
			d.mu.Lock()
			d.place = p
			d.mu.Unlock()
			d.cfg.Note(fmt.Sprintf("driving for run %s, nodes %v", d.job.Run, d.job.At))
			d.send(&message{Kind: kindReady})
			return
		case ctx.Err() != nil:
			return
		case !d.job.Late || errors.As(err, &wrong) || errors.Is(err, targets.ErrElsewhere):
			d.send(&message{Kind: kindGiveUp, Reason: history.Brief(err.Error())})
			d.cfg.Note("the run's database cannot be reached from here: " + history.Brief(err.Error()))
			return
		case !told:
			told = true
			d.cfg.Note("the run's database cannot be reached from here now, which a fault can be the cause of: " + history.Brief(err.Error()))
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
	}
}

// find finds the run's database.
func (d *driver) find(ctx context.Context) (*place, error) {
	joined, err := d.cfg.Join(ctx, d.job)
	if err != nil {
		return nil, err
	}
	p := newPlace(joined, d.job.At)
	if err := p.admit(ctx, d.job.Late); err != nil {
		return nil, errors.Join(err, joined.Close())
	}
	return p, nil
}

// open opens c, whose lock it has.
func (d *driver) open(ctx context.Context, c *client, m *message) {
	defer c.mu.Unlock()
	reply := &message{Kind: kindOpened, Client: m.Client, Number: m.Number}
	defer func() { d.send(reply) }()
	d.mu.Lock()
	p := d.place
	d.mu.Unlock()
	s := m.Session
	ctx, cancel := context.WithTimeout(ctx, d.job.Deadline)
	defer cancel()
	var err error
	if c.c, err = p.joined.Open(ctx, targets.Session{
		ID: s.ID, Home: s.Home, Roam: s.Roam, Replica: s.Replica, Text: d.texts.value, Carried: s.Carried.unpack(),
	}); err != nil {
		d.forget(m.Client)
		c.c, reply.Reason = nil, history.Brief(err.Error())
		if reply.Reason == "" {
			reply.Reason = "it could not be opened"
		}
	}
}

// do carries out an operation.
func (d *driver) do(ctx context.Context, c *client, m *message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	unpackTxn(m.Asked, &c.txn)
	ctx, cancel := context.WithTimeout(ctx, d.job.Deadline)
	defer cancel()
	began := d.clock.Now()
	res := d.ask(ctx, c, m.At)
	ended := d.clock.Now()
	s := packSeen(&c.txn, res, d.texts.text)
	s.Began, s.Ended = began, ended
	if heir, ok := c.c.(targets.Heir); ok {
		s.Carried = packCarried(heir.Carry())
	}
	d.mu.Lock()
	d.did++
	p := d.place
	d.mu.Unlock()
	if counter, ok := p.joined.(targets.Counter); ok {
		s.Counted = counter.TakeCounts()
	}
	d.send(&message{Kind: kindDone, Client: m.Client, Number: m.Number, Seen: s})
}

// ask asks the node at, which has shown what it is.
func (d *driver) ask(ctx context.Context, c *client, at int) targets.Result {
	if c.c == nil {
		return targets.Result{Outcome: history.Fail, Node: at, Broken: true, Err: errors.New("the client could not be opened")}
	}
	if err := d.place.shows(ctx, at); err != nil {
		return targets.Result{Outcome: history.Fail, Node: at, Err: fmt.Errorf("it has not shown yet that it is the run's: %w", err)}
	}
	return c.c.Do(ctx, at, &c.txn)
}

// close closes it.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.c != nil {
		_ = c.c.Close() // the session has ended
	}
}

// end closes what is open; nothing is under way any more.
func (d *driver) end() {
	_ = d.conn.Close()
	for _, c := range d.clients {
		c.close()
	}
	if d.place != nil {
		_ = d.place.joined.Close()
	}
}
