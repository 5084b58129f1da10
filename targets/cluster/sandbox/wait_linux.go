package sandbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// sameReason is how long after ctx is done a signal still counts as what ended it: one
// signal reaches both.
const sameReason = 100 * time.Millisecond

// mostReported bounds the report of init, in bytes.
const mostReported = 1 << 20

// wait passes the signals of pass on until init has ended. Without pass nobody is there to
// take them, and the end of ctx ends init.
func (p *initProcess) wait(ctx context.Context, pass <-chan os.Signal) (int, error) {
	defer func() { _ = p.report.Close() }()
	defer func() { _ = p.lifeline.Close() }()
	defer func() { _ = p.notes.Close() }()
	reports := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(p.report, mostReported)) // an error is as good as no report
		reports <- b
	}()
	var told []byte
	// The kernel drops what a first process does not handle yet: until init has
	// reported, which takes it a moment, signals are kept.
	var kept []os.Signal
	ready, asked := false, false
	send := func(s os.Signal) {
		asked = asked || s == syscall.SIGINT || s == syscall.SIGTERM
		if !ready {
			kept = append(kept, s)
			return
		}
		_ = p.proc.Signal(s) // it may have ended: seen below
	}
	done, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case s := <-pass:
			send(s)
		case <-done:
			done = nil
			if pass == nil {
				_ = p.proc.Kill()
			} else {
				late = time.After(sameReason)
			}
		case <-late:
			if !asked {
				send(syscall.SIGTERM)
			}
		case told = <-reports:
			ready = true
			for _, s := range kept {
				_ = p.proc.Signal(s)
			}
		case state := <-p.ended:
			if state == nil {
				return 0, fmt.Errorf("waiting for the sandbox: %w", p.endErr)
			}
			removeNoted(p.notes)
			if pass == nil && ctx.Err() != nil {
				return 0, fmt.Errorf("trying the sandbox: %w", context.Cause(ctx))
			}
			if !ready {
				told = <-reports
			}
			return p.result(state, told)
		}
	}
}
