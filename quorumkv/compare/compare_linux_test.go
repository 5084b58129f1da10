package compare

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCompare starts three processes of each system in turn, with empty directories, fills in the keys and puts each load on them; LAPSE_ROUNDS
// times (3). It reports and does not judge, but for requests that failed. LAPSE_PROGRAM is the program lapse, LAPSE_SYSTEMS leaves some
// systems out, LAPSE_SECONDS is how long each load lasts (3).
func BenchmarkCompare(b *testing.B) {
	ctx, stop := signal.NotifyContext(b.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rounds, length := number(b, "LAPSE_ROUNDS", 3), time.Duration(number(b, "LAPSE_SECONDS", 3))*time.Second
	l := newLauncher(b)
	all := systems(ctx, b)
	r := newReport(all, describe(b, l.dir))
	for b.Loop() { // once, with -benchtime 1x
		for round := range rounds {
			for _, s := range all {
				if err := measure(ctx, l, s, r, length); err != nil {
					b.Fatalf("round %d, %s: %v", round+1, s.name, err)
				}
			}
			fmt.Printf("round %d of %d done, load average %s\n", round+1, rounds, loadAverage())
		}
	}
	r.print(os.Stdout)
	b.ReportMetric(0, "ns/op")
	if n, first := r.failures(); n > 0 {
		b.Errorf("%d requests failed, the first with: %v", n, first)
	}
}

func number(b *testing.B, env string, usual int) int {
	b.Helper()
	s := os.Getenv(env)
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		b.Fatalf("%s=%s: expected a number from 1 on", env, s)
	}
	return n
}

// measure is one round of one system: from its start to its end.
func measure(ctx context.Context, l *launcher, s *system, r *report, length time.Duration) (err error) {
	c, err := s.start(ctx, l)
	if err != nil {
		return err
	}
	defer c.stop()
	if s.way == nil {
		if err := s.choose(ctx, c); err != nil {
			return err
		}
	}
	clients, err := s.way.open(ctx, c)
	if err != nil {
		return fmt.Errorf("clients: %w", err)
	}
	defer closeAll(clients)
	if err := fill(ctx, clients); err != nil {
		return fmt.Errorf("fill in the keys: %w", err)
	}
	for _, kind := range loads {
		m, err := run(ctx, c, clients, kind, length)
		if err != nil {
			return err
		}
		r.add(s, kind, m)
	}
	peaks, err := c.peaks()
	r.addMemory(s, peaks)
	return err
}
