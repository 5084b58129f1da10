package exec

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/wire"
)

// command says how the program is started: a line for the shell, in a directory.
type command struct{ line, dir string }

// program is one process of the program. One goroutine at a time asks it.
type program struct {
	process *local.Attached
	in, out *os.File
	lines   chan answerLine
	stop    chan struct{}
	stopped sync.Once
	words   *words
	last    int64
	// life ends the process when the client does; nil ends it never.
	life *wire.Life
	// patient says that answers to requests that were given up may still come.
	patient bool
}

// answerLine is a line, or why there are no more.
type answerLine struct {
	text []byte
	err  error
}

const (
	lineMost = 4 << 20
	// lastWords is how long what a process wrote may take to arrive after its end.
	lastWords = 200 * time.Millisecond
	// closeTimeout is how long a process may take to end when it is asked to.
	closeTimeout = 2 * time.Second
	killTimeout  = 30 * time.Second
)

// start starts the program. What it says on standard error goes to log, which may be
// nil, without secrets.
func (c command) start(log io.Writer) (*program, error) {
	var pipes [3][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("making a pipe: %w", err)
		}
		pipes[i] = [2]*os.File{r, w}
	}
	in, out, errs := pipes[0], pipes[1], pipes[2]
	process, err := local.Attach(cluster.Command{Path: "/bin/sh", Args: []string{"-c", c.line}, Dir: c.dir, Env: os.Environ()}, in[0], out[1], errs[1])
	_ = errors.Join(in[0].Close(), out[1].Close(), errs[1].Close()) // the process has its own
	if err != nil {
		_ = errors.Join(in[1].Close(), out[0].Close(), errs[0].Close())
		return nil, err
	}
	p := &program{
		process: process, in: in[1], out: out[0], words: &words{log: log, done: make(chan struct{})},
		lines: make(chan answerLine, 16), stop: make(chan struct{}),
	}
	go p.words.listen(errs[0])
	go p.read()
	return p, nil
}

// read takes the program's output apart into lines, until it ends or has one that is
// too long.
func (p *program) read() {
	defer close(p.lines)
	r := bufio.NewReaderSize(p.out, 64<<10)
	for {
		line, err := readLine(r)
		if err == nil && len(line) == 0 {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
			return
		}
		select {
		case p.lines <- answerLine{line, err}:
		case <-p.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// readLine is a line without its end. One that is too long or not ended is an error.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > lineMost:
			return nil, broken("the program's answer is too long", fmt.Sprintf("more than %d bytes without the end of a line", lineMost))
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, broken("the program's answer breaks off", "its output ended within a line")
		case err != nil:
			return nil, err
		}
		return []byte(strings.TrimSpace(string(line))), nil
	}
}

// ask sends a request and decodes the answer to it into v, which has the same id. sent
// says that a byte of the request may have left.
func (p *program) ask(ctx context.Context, r Request, v any) (sent bool, err error) {
	if !p.patient {
		select {
		case l, more := <-p.lines:
			if !more {
				return false, p.ended()
			}
			if l.err != nil {
				return false, l.err
			}
			return false, broken("the program said something that nobody asked for", string(l.text[:min(len(l.text), shownMost)]))
		default:
		}
	}
	p.last++
	r.ID = p.last
	text, err := json.Marshal(r)
	if err != nil {
		return false, fmt.Errorf("encoding a request: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := p.in.SetWriteDeadline(deadline); err != nil {
			return false, p.ended()
		}
	}
	n, err := p.in.Write(append(text, '\n'))
	p.life.Sent()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n > 0, err
	case err != nil:
		return n > 0, p.ended()
	}
	for {
		line, err := p.next(ctx)
		if err != nil {
			return true, err
		}
		var head struct {
			ID *int64 `json:"id"`
		}
		switch err := json.Unmarshal(line, &head); {
		case err != nil:
			return true, broken("the program's answer is not one of the protocol", err.Error())
		case head.ID == nil:
			return true, broken("the program's answer has no id", "")
		case p.patient && *head.ID < r.ID:
			continue // the answer to what was given up
		case *head.ID != r.ID:
			return true, broken("the program answered with another id", fmt.Sprintf("%d, and %d was asked", *head.ID, r.ID))
		}
		return true, decode(line, v)
	}
}

// next waits for a line.
func (p *program) next(ctx context.Context) ([]byte, error) {
	take := func(l answerLine, more bool) ([]byte, error) {
		if !more {
			return nil, p.ended()
		}
		return l.text, l.err
	}
	select {
	case l, more := <-p.lines:
		return take(l, more)
	case <-p.process.Exited():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// What it wrote last may still be on the way; what it started may hold its output.
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case l, more := <-p.lines:
		return take(l, more)
	case <-late.C:
		return nil, p.ended()
	}
}

// ended says how the process ended, if it did.
func (p *program) ended() error {
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-p.process.Exited():
		if err := p.process.Status(); err != nil {
			return &endedError{err.Error()}
		}
		return &endedError{"exit status 0"}
	case <-late.C:
		return &endedError{"it closed its output and runs on"}
	}
}

// close ends the process: by asking if it may be expected to listen, and by force.
func (p *program) close(ask bool) error {
	if ask {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		p.last++
		if text, err := json.Marshal(Request{ID: p.last, Type: typeClose}); err == nil && p.in.SetWriteDeadline(time.Now().Add(closeTimeout)) == nil {
			_, _ = p.in.Write(append(text, '\n')) // it may have ended
		}
		_ = p.in.Close()
		select {
		case <-p.process.Exited():
		case <-ctx.Done():
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	p.stopped.Do(func() { close(p.stop) })
	err := p.process.Kill(ctx)
	_ = errors.Join(p.in.Close(), p.out.Close()) // they may be closed
	return err
}

// Close implements io.Closer: the process is killed without a word, and what it started.
func (p *program) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	return p.process.Kill(ctx)
}

// words are what a process says on standard error: a log, and the last lines of it.
type words struct {
	log  io.Writer
	done chan struct{}

	mu   sync.Mutex
	tail []string
}

const tailMost = 5

func (w *words) listen(from *os.File) {
	defer close(w.done)
	defer func() { _ = from.Close() }() // it was only read
	r := bufio.NewReaderSize(from, 4<<10)
	for {
		line, cut, err := r.ReadLine()
		if err != nil {
			return
		}
		for cut && err == nil { // the rest of a long line
			_, cut, err = r.ReadLine()
		}
		text := external.Redact(strings.ToValidUTF8(string(line), "?"))
		if w.log != nil {
			_, _ = fmt.Fprintln(w.log, text) // a log that cannot be written is no part of the run
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		w.mu.Lock()
		w.tail = append(w.tail, tidy(text))
		w.tail = w.tail[max(0, len(w.tail)-tailMost):]
		w.mu.Unlock()
	}
}

// said is the end of what was said, as the end of a sentence.
func (p *program) said() string {
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-p.words.done:
	case <-late.C: // it lives, or what it started does
	}
	p.words.mu.Lock()
	defer p.words.mu.Unlock()
	if len(p.words.tail) == 0 {
		return "; on standard error it said nothing"
	}
	return "; on standard error it said: " + strings.Join(p.words.tail, " | ")
}
