package history

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned by a Client after Recorder.Close.
var ErrClosed = errors.New("the history is closed: no operation can be recorded any more")

// DefaultFlushInterval is the interval at which a Recorder writes its buffer to its file.
// Together with the time that one flush takes it stays far below the one second
// that a kill -9 may cost.
const DefaultFlushInterval = 250 * time.Millisecond

// Counts are operations by outcome, and those still open.
type Counts struct {
	OK, Fail, Info, Open int64
}

// Option changes how a Recorder works.
type Option func(*Recorder)

// Recorder writes the history of a run to a file while it happens. It is safe
// for concurrent use; each worker records through a Client of its own, and
// workers do not wait for each other or for the disk.
//
// An operation whose Complete returned is in the file within a second, and a
// file that ends in the middle (kill -9) loads as a consistent cut of the run:
// see flush. When the file falls behind nevertheless, because the disk hangs or
// the load takes all of the processor, Invoke waits for it before it stamps: the
// load slows down rather than that evidence is lost or memory fills.
type Recorder struct {
	path     string
	file     *os.File
	header   Header
	base     time.Time
	clock    func() Time
	interval time.Duration

	nextProcess atomic.Int32
	names       interner

	// failed is the first error that makes the history worthless: it is
	// returned by every later call.
	failed atomic.Pointer[recorderError]

	mu      sync.Mutex // guards the fields below
	clients []*Client
	faults  []Fault
	events  []Event
	closed  bool

	flushMu  sync.Mutex // held by the one who flushes; guards what follows
	flusher  flusher
	observer *observer

	// flushed is the cut that the file has reached; behind is where workers wait
	// that are too far ahead of it.
	flushed  atomic.Int64
	behindMu sync.Mutex
	behind   sync.Cond

	wake      chan struct{}
	stop      chan struct{}
	stopped   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

type recorderError struct{ err error }

// Create makes the file path, which must not exist yet, writes header to it and
// starts the clock: Time 0 is now. The format is the binary one whatever path's
// name is; by convention it ends in .lapse.
//
// Header.Source becomes SourceLapse, Header.Initial Absent, and Header.Start the
// wall clock when it is empty. Create starts one goroutine, which ends at Close.
func Create(path string, header Header, opts ...Option) (*Recorder, error) {
	header.Source = SourceLapse
	header.Initial = Absent
	header.Nodes = append([]string(nil), header.Nodes...)
	header.Levels = append([]string(nil), header.Levels...)
	if len(header.Levels) == 0 {
		header.Levels = []string{""}
	}
	base := time.Now()
	if header.Start == "" {
		header.Start = base.Format(time.RFC3339Nano)
	}
	if err := header.check(); err != nil {
		return nil, fmt.Errorf("create history %s: %w", path, err)
	}
	r := &Recorder{
		path:     path,
		header:   header,
		base:     base,
		interval: DefaultFlushInterval,
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	r.behind.L = &r.behindMu
	r.clock = func() Time { return Time(time.Since(r.base)) }
	r.names.init()
	for _, o := range opts {
		o(r)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create history: %w", err)
	}
	r.file = file
	if err := r.flusher.start(file, &r.header); err != nil {
		err = errors.Join(err, file.Close(), os.Remove(path))
		return nil, fmt.Errorf("create history %s: %w", path, err)
	}
	go r.loop()
	return r, nil
}

// Now is the run's clock: nanoseconds since Create, monotonic.
func (r *Recorder) Now() Time { return r.clock() }

// Path returns the file that the history is written to.
func (r *Recorder) Path() string { return r.path }

// Client makes what one worker records its operations through.
func (r *Recorder) Client() *Client {
	c := &Client{r: r, process: r.nextProcess.Add(1) - 1}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.closed = r.closed
	r.clients = append(r.clients, c)
	return c
}

// Fault records a fault window. It is called again, with the same ID, when more
// is known (it bit, it healed); the last call wins.
func (r *Recorder) Fault(f Fault) {
	f = cleanFault(f)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

// Event records that something which is no operation and no fault happened now.
func (r *Recorder) Event(kind, text string) {
	r.addEvent(Event{At: r.Now(), Kind: kind, Text: text})
}

// Tell records an event that tells v, now; on an error, which is NewEvent's, it records nothing.
func (r *Recorder) Tell(v Told) error {
	e, err := NewEvent(r.Now(), v)
	if err == nil {
		r.addEvent(e)
	}
	return err
}

func (r *Recorder) addEvent(e Event) {
	e = cleanEvent(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Text is the Value that stands for s, a value returned by the database that is
// no integer. At most maxNames distinct ones are kept apart; all further ones
// share one placeholder.
func (r *Recorder) Text(s string) Value { return TextValue(int(r.names.text(s))) }

// Counts tells how many operations have ended, and how; cheap enough to be
// called for a progress line.
func (r *Recorder) Counts() Counts {
	r.mu.Lock()
	clients := r.clients
	r.mu.Unlock()
	var n Counts
	for _, c := range clients {
		n.OK += c.ok.Load()
		n.Fail += c.fail.Load()
		n.Info += c.info.Load()
		n.Open += c.opened.Load()
	}
	return n
}

// Sync writes everything that was completed before the call and waits until the
// disk has it.
func (r *Recorder) Sync() error {
	if err := r.flush(false); err != nil {
		return err
	}
	// Not under a lock: a slow disk must not hold up the next flush.
	err := dataSync(r.file)
	if err != nil {
		r.flushMu.Lock()
		ended := r.flusher.ended
		r.flushMu.Unlock()
		if ended {
			return r.Close() // which syncs, and tells how that went
		}
		return r.fail(fmt.Errorf("sync history %s: %w", r.path, err))
	}
	return nil
}

// Close ends the history: operations still open become info, the end is marked,
// and the file is synced and closed. It returns the first error of the whole
// recording; calling it again returns the same.
func (r *Recorder) Close() error {
	r.closeOnce.Do(func() {
		close(r.stop)
		<-r.stopped
		r.closeErr = r.flush(true)
		if r.closeErr == nil {
			if err := r.file.Sync(); err != nil {
				r.closeErr = r.fail(fmt.Errorf("sync history %s: %w", r.path, err))
			}
		}
		if err := r.file.Close(); err != nil && r.closeErr == nil {
			r.closeErr = r.fail(fmt.Errorf("close history: %w", err))
		}
	})
	return r.closeErr
}

// Err is the first error that the recorder met, nil if there is none: a history
// that became impossible, a full disk.
func (r *Recorder) Err() error {
	if e := r.failed.Load(); e != nil {
		return e.err
	}
	return nil
}

// fail makes err the recorder's error unless it has one, and returns that.
func (r *Recorder) fail(err error) error {
	r.failed.CompareAndSwap(nil, &recorderError{err})
	return r.Err()
}

// reached says that the file has reached cut, or that it never will reach more.
func (r *Recorder) reached(cut Time) {
	r.behindMu.Lock()
	r.flushed.Store(int64(cut))
	r.behindMu.Unlock()
	r.behind.Broadcast()
}

// isBehind tells whether the file is so far behind what was completed at last
// that no more may be invoked. Twice the time between two flushes is a flush
// that is late by a whole one.
func (r *Recorder) isBehind(last Time) bool {
	return r.interval > 0 && last-Time(r.flushed.Load()) > 2*Time(r.interval)
}

// waitFlushed waits until the file is no longer behind.
func (r *Recorder) waitFlushed(last Time) {
	r.wakeUp()
	r.behindMu.Lock()
	defer r.behindMu.Unlock()
	for r.isBehind(last) {
		r.behind.Wait()
	}
}

// wakeUp asks for a flush ahead of time.
func (r *Recorder) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// loop flushes until Close.
func (r *Recorder) loop() {
	defer close(r.stopped)
	var tick <-chan time.Time
	if r.interval > 0 {
		t := time.NewTicker(r.interval)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-r.stop:
			return
		case <-tick:
		case <-r.wake:
		}
		if r.flush(false) != nil {
			// The error is kept and surfaces from the next call of every client.
			return
		}
	}
}
