package drivers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/drivers/bounds"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

const (
	// greetTimeout bounds how long a stranger may take to say who it is.
	greetTimeout = 10 * time.Second
	// strangers is how many of them are listened to at once.
	strangers = 16
	// silence is how long nothing may be heard of the other side before it is lost.
	silence = 5 * time.Second
	// readEvery is the pause between two readings of a driver's clock, clockEvery how often one is
	// recorded.
	readEvery  = 10 * time.Millisecond
	clockEvery = 5 * time.Second
	// gather bounds how long a run waits for its drivers.
	gather = 2 * time.Minute
	// extra is what an operation may take besides its deadline, until its driver is lost.
	extra = 15 * time.Second
)

// Config is what a Coordinator is made of.
type Config struct {
	// Listen is the host:port on which drivers ask to join, and Drivers how many the run has.
	Listen  string
	Drivers int
	Token   Token
	// Lapse is this program's version; drivers have the same.
	Lapse string
	Log   *slog.Logger
}

// Stage is the run, as the coordinator needs it.
type Stage struct {
	Job   Job
	Nodes int
	// Now is the clock of the history, and Text interns a value in it.
	Now  func() history.Time
	Text func(string) history.Value
	// Tell records an event and Note tells the user a line; both are safe for concurrent use.
	Tell func(history.Told) error
	Note func(string)
	// Keeper, if it is not nil, is told what is about to be written, and Counter what drivers have counted.
	Keeper  targets.KeyKeeper
	Counter targets.Counter
}

// Coordinator is the run's side of its drivers. All methods are safe for concurrent use.
type Coordinator struct {
	cfg      Config
	listener net.Listener
	accepted sync.WaitGroup
	tls      *tls.Config

	mu sync.Mutex
	// strangers are those that have connected and have not shown who they are, the one that waits longest first.
	strangers []net.Conn
	stage     *Stage // nil until Begin
	// begun says that all drivers were ready once.
	begun bool
	// seats has the drivers, nil where there is none now.
	seats []*seat
	// changed is closed and made anew whenever a seat is taken, ready or lost.
	changed chan struct{}
	over    bool
	widened *widening
	clients int64
	// lost are those whose places are empty, and since when.
	lost map[int]vacancy
	// lines are what the user is still to be told, and telling says that somebody does; spoken wakes who waits until
	// nobody does.
	lines   []string
	telling bool
	spoken  *sync.Cond
}

// vacancy is a place that a driver has left.
type vacancy struct {
	name  string
	since history.Time
}

// Listen makes a coordinator that drivers can ask to join at once. Close ends it.
func Listen(ctx context.Context, cfg Config) (*Coordinator, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, &cluster.EnvironmentError{Doing: "listening for drivers", Err: err, Way: "name another host:port of this machine with --driver-listen"}
	}
	config, err := serverTLS()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	c := &Coordinator{
		cfg: cfg, listener: l, tls: config,
		seats: make([]*seat, cfg.Drivers), changed: make(chan struct{}), widened: newWidening(), lost: map[int]vacancy{},
	}
	c.spoken = sync.NewCond(&c.mu)
	c.accepted.Go(c.accept)
	return c, nil
}

// Addr is where it listens, as drivers can dial it.
func (c *Coordinator) Addr() string { return usable(c.listener.Addr()) }

// tellChange wakes who waits for a change; c.mu is held.
func (c *Coordinator) tellChange() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// tell tells the user a line, after those before it; c.mu is held, and c.stage is there. Neither who holds c.mu nor who talks
// with a driver waits for a terminal that has been stopped: drivers would take the run for gone.
func (c *Coordinator) tell(line string) {
	c.lines = append(c.lines, line)
	if !c.telling {
		c.telling = true
		c.accepted.Go(c.speak)
	}
}

// speak tells the lines that there are.
func (c *Coordinator) speak() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.lines) > 0 {
		line, note := c.lines[0], c.stage.Note
		c.lines = c.lines[1:]
		c.mu.Unlock()
		note(line)
		c.mu.Lock()
	}
	c.telling = false
	c.spoken.Broadcast()
}

// awaitTold waits until the user was told all lines; c.mu is held.
func (c *Coordinator) awaitTold() {
	for c.telling {
		c.spoken.Wait()
	}
}

func (c *Coordinator) accept() {
	for {
		conn, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			c.cfg.Log.Warn("a driver could not be accepted", "error", err)
			time.Sleep(readEvery) // it may be that too many files are open
			continue
		}
		c.shelter(conn)
		c.accepted.Go(func() {
			s, err := c.greet(conn)
			c.know(conn)
			if err != nil {
				c.cfg.Log.Info("a driver was refused", "address", conn.RemoteAddr().String(), "reason", err.Error())
				_ = conn.Close()
				return
			}
			s.serve()
		})
	}
}

// shelter takes in one more stranger. Where there are too many, the one that has been silent longest has to go, so that
// they cannot keep drivers out.
func (c *Coordinator) shelter(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		_ = conn.Close()
		return
	}
	if len(c.strangers) == strangers {
		_ = c.strangers[0].Close()
		c.strangers = slices.Delete(c.strangers, 0, 1)
	}
	c.strangers = append(c.strangers, conn)
}

// know says that conn is no stranger any more.
func (c *Coordinator) know(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strangers = slices.DeleteFunc(c.strangers, func(other net.Conn) bool { return other == conn })
}

// named is what a driver may be called.
var named = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)

// ValidName tells whether a driver may be called that.
func ValidName(name string) bool { return named.MatchString(name) }

// greet finds out who has connected, and gives it a seat.
func (c *Coordinator) greet(raw net.Conn) (*seat, error) {
	if err := raw.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return nil, err
	}
	conn := tls.Server(raw, c.tls)
	binding, err := secure(context.Background(), conn)
	if err != nil {
		return nil, err
	}
	own := nonce()
	if err := writeFrame(conn, &message{Kind: kindHello, Lapse: c.cfg.Lapse, Protocol: Protocol, Nonce: own}); err != nil {
		return nil, err
	}
	m, err := readFrame(conn, maxGreeting)
	if err != nil {
		return nil, err
	}
	refuse := func(format string, args ...any) (*seat, error) {
		reason := fmt.Sprintf(format, args...)
		_ = writeFrame(conn, &message{Kind: kindRefused, Reason: reason}) // it is told if it listens
		return nil, errors.New(reason)
	}
	switch {
	case m.Kind != kindJoin:
		return refuse("it does not ask to join")
	case !c.cfg.Token.proves(m.Proof, roleDriver, binding, own, m.Nonce):
		return refuse("its token is another one than the run's")
	case m.Lapse != c.cfg.Lapse || m.Protocol != Protocol:
		return refuse("the run is made by lapse %s (protocol %d) and the driver is lapse %s (protocol %d): take the same for both", c.cfg.Lapse, Protocol, history.Brief(m.Lapse), m.Protocol)
	case !ValidName(m.Name):
		return refuse("%q is no name of a driver: 1 to 32 letters, digits, dots, - and _", m.Name)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	c.know(raw)
	s := newSeat(c, m.Name, conn)
	s.send(&message{Kind: kindWelcome, Lapse: c.cfg.Lapse, Proof: c.cfg.Token.proof(roleCoordinator, binding, m.Nonce, own)})
	if err := c.take(s); err != nil {
		return refuse("%v", err)
	}
	return s, nil
}

// take gives s the first free seat.
func (c *Coordinator) take(s *seat) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	free := -1
	var names []string
	for i, other := range c.seats {
		switch {
		case other == nil && free < 0:
			free = i
		case other != nil && other.name == s.name:
			return fmt.Errorf("the run has a driver %s already: call this one otherwise with --name", s.name)
		case other != nil:
			names = append(names, other.name)
		}
	}
	switch {
	case c.over:
		return errors.New("the run is over")
	case free < 0:
		return fmt.Errorf("the run has its %s already: %s", count.Of(len(c.seats), "driver"), strings.Join(names, ", "))
	}
	s.index = free
	c.seats[free] = s
	if c.stage != nil {
		c.employ(s)
	}
	c.tellChange()
	return nil
}

// employ gives s its job; c.mu is held, and c.stage is there.
func (c *Coordinator) employ(s *seat) {
	job := c.stage.Job
	job.Late = c.begun
	s.send(&message{Kind: kindJob, Job: &job})
}

// ready says that s has its job.
func (c *Coordinator) ready(s *seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stage == nil || c.over || s.isReady || c.seats[s.index] != s {
		return // who comes after the load replaces nobody
	}
	s.isReady = true
	joined := history.Driver{Name: s.name, Seat: s.index, What: history.DriverJoined}
	note := fmt.Sprintf("driver %s joined, %d of %d", s.name, c.readyCount(), len(c.seats))
	if was, replaces := c.lost[s.index]; replaces {
		delete(c.lost, s.index)
		joined.Replaces, joined.Empty = was.name, int64(c.stage.Now()-was.since)
		note += fmt.Sprintf("; the place of %s was empty for %s", was.name, duration.Text(time.Duration(joined.Empty)))
	}
	c.tell(note)
	c.record(joined)
	c.tellChange()
}

// readyCount is how many have their job; c.mu is held.
func (c *Coordinator) readyCount() (n int) {
	for _, s := range c.seats {
		if s != nil && s.isReady {
			n++
		}
	}
	return n
}

// lose takes the seat from s, unless it is over anyway.
func (c *Coordinator) lose(s *seat, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seats[s.index] != s {
		return
	}
	c.seats[s.index] = nil
	c.tellChange()
	if c.over || c.stage == nil {
		return
	}
	if s.isReady {
		c.lost[s.index] = vacancy{s.name, c.stage.Now()}
		c.record(history.Driver{Name: s.name, Seat: s.index, What: history.DriverLost, Why: history.Brief(why.Error())})
	}
	c.tell(fmt.Sprintf("driver %s is lost: %s; another one may take its place with lapse drive", s.name, history.Brief(why.Error())))
}

// record records an event; c.stage is there.
func (c *Coordinator) record(d history.Driver) {
	if err := c.stage.Tell(&d); err != nil {
		c.cfg.Log.Warn("recording an event of a driver", "error", err)
	}
}

// Begin gives the drivers their job and waits until all are ready. What is missing when ctx is
// done, or after two minutes, is an error, and so is a second call: those that join later are given their job then.
func (c *Coordinator) Begin(ctx context.Context, stage Stage) error {
	c.mu.Lock()
	if c.stage != nil {
		c.mu.Unlock()
		return errors.New("the drivers have their job already")
	}
	c.stage = &stage
	for _, s := range c.seats {
		if s != nil {
			c.employ(s)
		}
	}
	c.mu.Unlock()
	stage.Note(fmt.Sprintf("waiting for %s: lapse drive %s", count.Of(len(c.seats), "driver"), c.Addr()))
	ctx, cancel := context.WithTimeout(ctx, gather)
	defer cancel()
	for {
		c.mu.Lock()
		n, changed := c.readyCount(), c.changed
		c.begun = c.begun || n == len(c.seats)
		if n == len(c.seats) {
			c.awaitTold()
		}
		c.mu.Unlock()
		if n == len(c.seats) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return &cluster.EnvironmentError{
				Doing: "waiting for drivers", Err: fmt.Errorf("%d of %d have joined: %w", n, len(c.seats), ctx.Err()),
				Way: "start as many as --drivers says with: lapse drive " + c.Addr(),
			}
		}
	}
}

// at is the driver that has a seat and its job.
func (c *Coordinator) at(index int) (*seat, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seats[index%len(c.seats)]
	if s == nil || !s.isReady {
		return nil, fmt.Errorf("driver %d of %d is lost, and no other has taken its place", index%len(c.seats)+1, len(c.seats))
	}
	return s, nil
}

// Open opens a client at the driver that has the seat with this number, counted round and round. What it
// returns is a targets.Heir, and knows between which moments an operation was under way.
func (c *Coordinator) Open(ctx context.Context, seat int, session targets.Session) (targets.Client, error) {
	s, err := c.at(seat)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.clients++
	r := &remote{seat: s, id: c.clients, stage: c.stage}
	c.mu.Unlock()
	return r, r.open(ctx, session)
}

// End ends the work of the drivers, takes no more of them, and says what their clocks cost. Nobody uses a client of
// theirs any more.
func (c *Coordinator) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.awaitTold()
	if c.over {
		return
	}
	c.over = true
	_ = c.listener.Close() // it is closed but once
	for _, conn := range c.strangers {
		_ = conn.Close() // who is not known by now comes too late
	}
	for _, s := range c.seats {
		if s != nil {
			s.send(&message{Kind: kindEnd})
		}
	}
	if text := c.widened.text(); text != "" && c.stage != nil {
		c.tell(text)
	}
}

// Close ends all, after End.
func (c *Coordinator) Close() error {
	c.End()
	c.mu.Lock()
	seats := append([]*seat(nil), c.seats...)
	c.mu.Unlock()
	for _, s := range seats {
		if s != nil {
			s.fail(errors.New("the run is over"))
		}
	}
	c.accepted.Wait()
	return nil
}

// took notes what an operation's interval is in the history and by the driver's clock.
func (c *Coordinator) took(from, to history.Time, began, ended bounds.Stamp) {
	c.widened.add(int64(to-from) - int64(ended-began))
}
