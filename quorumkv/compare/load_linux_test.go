package compare

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	workers   = 64
	keys      = 10_000
	valueSize = 128
)

// load is what the workers ask for: so many of ten requests are writes.
type load struct {
	name   string
	writes int
}

var loads = []load{{"writes", 10}, {"reads", 0}, {"half and half", 5}}

// client is how one worker asks a system. Safe for concurrent use.
type client interface {
	put(ctx context.Context, key string, value []byte) error
	// get reads the newest value; a key without one is an error.
	get(ctx context.Context, key string) error
	close()
}

func closeAll(clients []client) {
	for _, c := range clients {
		c.close()
	}
}

func keyName(i int) string { return fmt.Sprintf("key-%06d", i) }

// randomValue is text, of which every value differs.
func randomValue(rng *rand.Rand) []byte {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	b := make([]byte, valueSize)
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return b
}

// fill writes every key once.
func fill(ctx context.Context, clients []client) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(w)))
			for i := next.Add(1); i <= keys && errs[w] == nil && ctx.Err() == nil; i = next.Add(1) {
				errs[w] = clients[w%len(clients)].put(ctx, keyName(int(i-1)), randomValue(rng))
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return cmp.Or(errs...)
}

// measured is what a load came to.
type measured struct {
	rate             float64       // requests a second
	servers, clients time.Duration // processor time of one request
	p50, p99         time.Duration
	failed           int
	first            error
}

// run has all workers ask, each its next request when it has the answer to the last.
func run(ctx context.Context, c *cluster, clients []client, kind load, length time.Duration) (measured, error) {
	bounded, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	taken := make([][]time.Duration, workers)
	var failed atomic.Int64
	var first atomic.Pointer[error]
	serversBefore, err := c.processorTime()
	if err != nil {
		return measured{}, err
	}
	clientsBefore, began := ownProcessorTime(), time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng, mine := rand.New(rand.NewPCG(1, uint64(w))), clients[w%len(clients)]
			value := randomValue(rng)
			taken[w] = make([]time.Duration, 0, 1<<12)
			for bounded.Err() == nil { // what has begun is ended, and counts
				key, write, start := keyName(rng.IntN(keys)), rng.IntN(10) < kind.writes, time.Now()
				var err error
				if write {
					value = slices.Clone(value)
					copy(value, key)
					err = mine.put(ctx, key, value)
				} else {
					err = mine.get(ctx, key)
				}
				if err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
					continue
				}
				taken[w] = append(taken[w], time.Since(start))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	clientsUsed := ownProcessorTime() - clientsBefore
	serversAfter, err := c.processorTime()
	if ctx.Err() != nil {
		return measured{}, context.Cause(ctx)
	}
	if err != nil {
		return measured{}, err
	}
	all := slices.Concat(taken...)
	if len(all) == 0 {
		return measured{}, fmt.Errorf("no request succeeded, the first failed with: %w", *first.Load())
	}
	slices.Sort(all)
	n := time.Duration(len(all))
	m := measured{rate: float64(len(all)) / elapsed.Seconds(), servers: (serversAfter - serversBefore) / n, clients: clientsUsed / n,
		p50: all[len(all)/2], p99: all[len(all)*99/100], failed: int(failed.Load())}
	if e := first.Load(); e != nil {
		m.first = *e
	}
	return m, nil
}

// ownProcessorTime is what this process, of the clients, has used.
func ownProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // there is no such error for a process that asks for itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
