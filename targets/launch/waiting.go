package launch

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

const (
	// firstTold is how long a wait goes on until it is told; each later time is twice the one before, so that a slow start is no flood.
	firstTold = 10 * time.Second
	// toldAtOnce is of how many waits is told at a time.
	toldAtOnce = 3
)

// TellWaits runs work and tells Progress meanwhile what it waits for, which WhileRunning does as well.
func (f *Fleet) TellWaits(ctx context.Context, work func(context.Context) error) error {
	ctx, waits := cluster.WithWaits(ctx)
	told, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() { f.tellWaits(told, waits) })
	defer telling.Wait()
	defer cancel()
	return work(ctx)
}

// tellWaits tells Progress what ctx still waits for, again and again, until ctx is done. A server that neither serves nor ends says
// nothing by itself.
func (f *Fleet) tellWaits(ctx context.Context, waits *cluster.Waits) {
	after := time.After
	if f.after != nil {
		after = f.after
	}
	for pause := firstTold; ; pause *= 2 {
		select {
		case <-ctx.Done():
			return
		case now := <-after(pause):
			for _, line := range f.waiting(waits.List(), now) {
				f.Progress(line)
			}
		}
	}
}

// waiting are the lines that say what is waited for, since when, why it is not over, what the node's log says last, and when
// it is given up.
func (f *Fleet) waiting(waits []cluster.Wait, now time.Time) []string {
	slices.SortStableFunc(waits, func(a, b cluster.Wait) int { return strings.Compare(a.What, b.What) }) // n1 before n2
	var lines []string
	for i, w := range waits {
		if i == toldAtOnce {
			lines = append(lines, fmt.Sprintf("and for %d more", len(waits)-i))
			break
		}
		line := fmt.Sprintf("waiting for %s: %s so far", w.What, duration.Text(now.Sub(w.Since).Round(time.Second)))
		if !w.Until.IsZero() {
			line += ", " + duration.Text(w.Until.Sub(now).Round(time.Second)) + " more at most"
		}
		if w.Last != nil {
			line += ": " + external.Line(w.Last.Error(), f.Secrets...)
		}
		if n := f.mentioned(w.What); n >= 0 {
			if last := f.lastLine(n); last != "" {
				line += "; its log says last: " + last
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// lastLine is the last line of the log of node i that is not empty, without secrets.
func (f *Fleet) lastLine(i int) string {
	last := ""
	for line := range bytes.Lines(tail(filepath.Join(f.Nodes[i].LogDir(), f.Log))) {
		if text := strings.TrimSpace(string(line)); text != "" {
			last = text
		}
	}
	return external.Line(last, f.Secrets...)
}
