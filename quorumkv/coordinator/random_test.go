package coordinator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/quorum"
)

// input and output of one operation on one key. The empty value stands for "no value".
type input struct {
	key   string
	write bool
	value string
}

var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range history {
			k := op.Input.(input).key
			byKey[k] = append(byKey[k], op)
		}
		var out [][]porcupine.Operation
		for _, ops := range byKey {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return "" },
	Step: func(state, in, out any) (bool, any) {
		if i := in.(input); i.write {
			return true, i.value
		}
		return out.(string) == state.(string), state
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %v", in, out) },
}

// storm is a network that delays, refuses, loses and repeats at random: requests, answers, and messages that arrive after
// their sender has given them up. Of the writes between nodes it loses an extra share of losses.
func storm(rng *rand.Rand, losses float64) fate {
	var mu sync.Mutex
	pick := func() (p float64, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64(), time.Duration(rng.IntN(400)) * time.Microsecond
	}
	lost := errors.New("connection lost")
	return func(_ context.Context, m message) (bool, error) {
		p, delay := pick()
		if m.kind == kindReady {
			return false, nil
		}
		if p < 0.7 {
			time.Sleep(delay)
		}
		switch {
		case m.from == m.to:
			return false, nil
		case p > 0.97:
			return false, errRefused
		case p > 0.91:
			return false, lost
		case p > 0.85:
			return true, lost // the answer is lost, or the request arrives late
		case m.kind == kindApply && p < losses:
			return false, lost
		}
		return false, nil
	}
}

type scenario struct {
	name    string
	w, r    string
	config  config
	defects []string
	losses  float64 // makes more half-done writes
}

// run drives concurrent clients and returns the history of what they saw.
func (sc scenario) run(t *testing.T, seed uint64) []porcupine.Operation {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	net := start(t, sc.config)
	for i, n := range []string{"n1", "n2", "n3"} {
		if err := net.nodes[n].clock.SetOffset(time.Duration(i-1) * 10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := net.nodes[n].defects.Replace(sc.defects); err != nil {
			t.Fatal(err)
		}
	}
	net.set(storm(rng, sc.losses))
	const clients, each = 5, 24
	var now atomic.Int64
	histories := make([][]porcupine.Operation, clients)
	w, r := level(t, sc.w), level(t, sc.r)
	var wg sync.WaitGroup
	for c := range clients {
		rng := rand.New(rand.NewPCG(seed, uint64(c)+2))
		wg.Go(func() {
			for i := range each {
				via := net.nodes[fmt.Sprint("n", 1+rng.IntN(3))].coord
				in := input{key: fmt.Sprint("k", rng.IntN(2)), write: rng.IntN(2) == 0}
				if in.write && rng.IntN(8) > 0 { // else it deletes
					in.value = fmt.Sprintf("%d.%d", c, i)
				}
				op, happened := ask(t, via, w, r, &now, in)
				if !happened {
					continue
				}
				op.ClientId = c
				histories[c] = append(histories[c], op)
			}
		})
	}
	stop := make(chan struct{})
	var crashes sync.WaitGroup
	crashes.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 0))
		for range 3 {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rng.IntN(10)) * time.Millisecond):
				net.nodes[fmt.Sprint("n", 1+rng.IntN(3))].crash()
			}
		}
	})
	wg.Wait()
	close(stop)
	crashes.Wait()
	net.settle(t)
	net.close()
	return relevant(histories)
}

// ask has via carry out in, of which a write without a value deletes, and says when and how that ended. It
// is false for a read that failed and a write that did not happen.
func ask(t *testing.T, via *Coordinator, w, r quorum.Level, now *atomic.Int64, in input) (op porcupine.Operation, happened bool) {
	op.Input, op.Call = in, now.Add(1)
	var err error
	if in.write {
		req := WriteRequest{Key: in.key, W: w, Delete: in.value == ""}
		if !req.Delete {
			req.Value = []byte(in.value)
		}
		_, err = via.Write(t.Context(), req)
	} else {
		var res ReadResult
		res, err = via.Read(t.Context(), ReadRequest{Key: in.key, R: r})
		op.Output = string(res.Record.Value)
	}
	op.Return = now.Add(1)
	var e *engine.Error
	if errors.As(err, &e) {
		if e.Outcome != engine.PerhapsWritten {
			return op, false
		}
		op.Return = math.MaxInt64
	}
	return op, true
}

// relevant leaves out writes without an answer that nobody read: they may as well not have happened. Deletes without an
// answer stay.
func relevant(histories [][]porcupine.Operation) []porcupine.Operation {
	read := map[string]bool{"": true}
	for _, ops := range histories {
		for _, op := range ops {
			if v, ok := op.Output.(string); ok {
				read[v] = true
			}
		}
	}
	var out []porcupine.Operation
	for _, ops := range histories {
		for _, op := range ops {
			if in := op.Input.(input); in.write && op.Return == math.MaxInt64 && !read[in.value] {
				continue
			}
			out = append(out, op)
		}
	}
	return out
}

func firstSeed(t *testing.T) uint64 {
	if s := os.Getenv("QUORUMKV_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("QUORUMKV_SEED: %v", err)
		}
		return n
	}
	return rand.Uint64()
}

// rounds is how many random histories a test takes; QUORUMKV_ROUNDS asks for more (a long run takes 1000).
func rounds(t *testing.T, usual int) int {
	if s := os.Getenv("QUORUMKV_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("QUORUMKV_ROUNDS: %v", err)
		}
		return n
	}
	return usual
}

var usual = config{hints: true, peerTimeout: 2 * time.Second, requestTimeout: 4 * time.Second}

// With timestamps from a quorum and blocking repair every pair with W+R > N is linearizable: clocks 10 s apart, messages
// delayed, lost, late and refused, hints replayed, replicas crashing.
func TestQuorumTimestampsAndBlockingRepairAreLinearizable(t *testing.T) {
	five := usual
	unhinted := usual
	unhinted.hints = false
	five.nodes = 5 // the coordinator need not be a replica
	modulo, ranges := five, five
	modulo.partitioner = placement.Modulo
	ranges.partitioner, ranges.splits = placement.Range, []string{"k1"} // a key in each
	for _, sc := range []scenario{
		{"W2R2", "2", "2", usual, nil, 0},
		{"W3R1", "3", "1", usual, nil, 0},
		{"W1R3", "1", "3", usual, nil, 0},
		{"W3R2", "3", "2", usual, nil, 0},
		{"W2R3", "2", "3", usual, nil, 0},
		{"five nodes", "QUORUM", "QUORUM", five, nil, 0},
		{"five nodes by modulo", "QUORUM", "QUORUM", modulo, nil, 0},
		{"five nodes by range", "QUORUM", "QUORUM", ranges, nil, 0},
		{"many half-done writes", "2", "2", unhinted, nil, 0.4},
		{"many half-done writes at W3R1", "3", "1", unhinted, nil, 0.4},
	} {
		t.Run(sc.name, func(t *testing.T) {
			seed := firstSeed(t)
			done := 0
			for i := range rounds(t, 6) {
				history := sc.run(t, seed+uint64(i))
				done += len(history)
				switch res := porcupine.CheckOperationsTimeout(register, history, time.Minute); res {
				case porcupine.Ok:
				default:
					t.Fatalf("QUORUMKV_SEED=%d: %s:\n%s", seed+uint64(i), res, describe(history))
				}
			}
			t.Logf("%d operations, first seed %d", done, seed)
			if done < 100 {
				t.Fatalf("only %d operations completed: this shows nothing", done)
			}
		})
	}
}

// What takes one of the two away is caught by the same checker in the same storm.
func TestWithoutEitherHistoriesAreNotLinearizable(t *testing.T) {
	weak := func(repair ReadRepair, stamps Timestamps) config {
		c := usual
		c.repair, c.stamps = repair, stamps
		return c
	}
	halfDone := func(repair ReadRepair) config { // nothing but reads completes a half-done write
		c := usual
		c.repair, c.hints = repair, false
		return c
	}
	for _, sc := range []scenario{
		{"coordinator timestamps", "2", "2", weak(RepairBlocking, FromCoordinator), nil, 0},
		{"no repair", "2", "2", halfDone(RepairOff), nil, 0.4},
		{"asynchronous repair", "2", "2", halfDone(RepairAsync), nil, 0.4},
		{"W1R1", "1", "1", weak(RepairOff, FromCoordinator), nil, 0},
		{"skip-write-back", "2", "2", halfDone(RepairBlocking), []string{"skip-write-back"}, 0.4},
		{"skip-timestamp-read", "2", "2", usual, []string{"skip-timestamp-read"}, 0},
		{"ack-before-quorum", "2", "2", usual, []string{"ack-before-quorum"}, 0},
		{"read-one", "2", "2", usual, []string{"read-one"}, 0},
		{"ignore-newer-timestamps", "2", "2", usual, []string{"ignore-newer-timestamps"}, 0},
		{"stale-cache", "2", "2", usual, []string{"stale-cache"}, 0},
		{"count-hints", "2", "2", usual, []string{"count-hints"}, 0},
		{"forget-tombstones", "2", "2", usual, []string{"forget-tombstones"}, 0},
		{"deny-partial-writes", "2", "2", usual, []string{"deny-partial-writes"}, 0},
	} {
		t.Run(sc.name, func(t *testing.T) {
			seed := firstSeed(t)
			const most = 2000
			for i := range most {
				history := sc.run(t, seed+uint64(i))
				if porcupine.CheckOperationsTimeout(register, history, 10*time.Second) == porcupine.Illegal {
					t.Logf("caught in history %d, first seed %d", i+1, seed)
					return
				}
			}
			t.Fatalf("not caught in %d histories, first seed %d", most, seed)
		})
	}
}

func describe(history []porcupine.Operation) string {
	s := ""
	for _, op := range history {
		s += fmt.Sprintf("client %d [%d, %d] %+v -> %v\n", op.ClientId, op.Call, op.Return, op.Input, op.Output)
	}
	return s
}
