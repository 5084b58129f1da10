package netspace

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// queues lists the packet queues of the network namespace that its reader is in
// (net/netfilter/nfnetlink_queue.c of the Linux kernel, seq_show).
const queues = "/proc/thread-self/net/netfilter/nfnetlink_queue"

// queued is how many packets wait in the end's queue, whether they were read or not.
func (g *gate) queued() (int, error) {
	var text []byte
	err := g.Space.Do(func() (err error) {
		text, err = os.ReadFile(queues)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return 0, nil // nobody says it
	}
	if err != nil {
		return 0, fmt.Errorf("looking how many packets wait: %w", err)
	}
	return queuedIn(text, g.number)
}

// queuedIn finds the number of waiting packets of a queue; one that is not there has none.
func queuedIn(text []byte, queue uint16) (int, error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var number, reader, waiting int
		if _, err := fmt.Sscan(lines.Text(), &number, &reader, &waiting); err != nil {
			return 0, fmt.Errorf("looking how many packets wait: %q: %w", lines.Text(), err)
		}
		if number == int(queue) {
			return waiting, nil
		}
	}
	return 0, lines.Err()
}

// drainTime bounds how long the end of a shape waits for a reader that is behind.
const drainTime = 10 * time.Second

// drained waits until nothing waits in the queue any more, into which nothing comes and in
// which nothing is held back. What is left after drainTime is the kernel's to lose.
func (g *gate) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for {
		if n, err := g.queued(); n == 0 || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Millisecond):
		}
	}
}
