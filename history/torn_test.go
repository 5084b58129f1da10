package history

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// store is a database of registers in this process, really shared by its
// clients: what one writes the others read.
type store struct {
	mu   sync.Mutex
	keys [8]Value
}

func newStore() *store {
	s := &store{}
	for i := range s.keys {
		s.keys[i] = Absent
	}
	return s
}

// do does one operation, and says how the client that was told to lose every
// lose-th answer (0: none) sees it end.
func (s *store) do(txn *Txn, rng *rand.Rand, lose int) (Outcome, string) {
	s.mu.Lock()
	for i := range txn.Mops {
		m := &txn.Mops[i]
		if m.Func == Write {
			s.keys[m.Key] = m.Arg
		} else {
			txn.SetRead(i, s.keys[m.Key])
		}
	}
	s.mu.Unlock()
	if lose > 0 && rng.IntN(lose) == 0 {
		return Info, "no answer"
	}
	return OK, ""
}

// storeClient records what it does to a store.
type storeClient struct {
	c    *Client
	s    *store
	id   int
	rng  *rand.Rand
	txn  Txn
	done int
}

func (c *storeClient) step() error {
	c.txn.Reset()
	m := Mop{Func: Read, Key: Key(c.rng.IntN(len(c.s.keys)))}
	if c.rng.IntN(2) == 0 {
		m.Func, m.Arg = Write, Value(c.done*1000+c.id+1)
	}
	c.txn.Mops = append(c.txn.Mops, m)
	if err := c.c.Invoke(int32(c.id), -1, 0, 0, &c.txn); err != nil {
		return err
	}
	outcome, errText := c.s.do(&c.txn, c.rng, 50)
	if c.rng.IntN(200) == 0 {
		// The answer is on its way while others see the effect: what a cut must
		// get right.
		time.Sleep(time.Millisecond)
	}
	if err := c.c.Complete(outcome, &c.txn, -1, errText, ""); err != nil {
		return err
	}
	c.done++
	return nil
}

// unwritten is a read whose value nobody wrote, nil if there is none: the thing
// that a cut must never show.
func unwritten(h *History) error {
	written := newValueSet(len(h.Ops))
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == Write {
				written.add(m.Key, m.Arg)
			}
		}
	}
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == Read && m.Flags&Observed != 0 && m.Ret != Absent && written.add(m.Key, m.Ret) {
				return fmt.Errorf("operation %d (%+v) read %s of %s, which nobody wrote", i, h.Ops[i], m.Ret, m.Key)
			}
		}
	}
	return nil
}

// recordedBytes is the file of a small run with many flushes, made by clients
// that were at work during each of them.
func recordedBytes(t testing.TB, flushes int) []byte {
	t.Helper()
	path := t.TempDir() + "/h.lapse"
	r, err := Create(path, Header{}, flushEvery(0))
	if err != nil {
		t.Fatal(err)
	}
	s := newStore()
	var wg sync.WaitGroup
	// Tokens keep the load from outrunning the flushes, and yet at work during
	// them.
	const perFlush = 400
	tokens := make(chan struct{}, perFlush)
	for id := range 4 {
		c := &storeClient{c: r.Client(), s: s, id: id, rng: rand.New(rand.NewPCG(1, uint64(id)))}
		wg.Go(func() {
			for range tokens {
				if err := c.step(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range flushes {
		r.Fault(Fault{ID: i/2 + 1, Kind: "kill", Name: "kill n1", Injected: r.Now(), Healed: Time(i)})
		r.Event("phase", fmt.Sprint("flush ", i))
		for range perFlush {
			tokens <- struct{}{}
		}
		if err := r.flush(false); err != nil {
			t.Error(err)
		}
	}
	close(tokens)
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frames are the offsets at which the blocks of a binary history begin.
func frames(t testing.TB, file []byte) []int {
	t.Helper()
	var at []int
	for i := len(magic); i < len(file); {
		at = append(at, i)
		f, bad := parseFrame((*[frameSize]byte)(file[i:]))
		if bad != nil {
			t.Fatal(bad)
		}
		i += frameSize + int(f.stored)
	}
	return at
}

// places are the offsets of the magic, of all frames and of what stands around
// them, and about n more.
func places(file []byte, frames []int, n int) []int {
	var out []int
	for i := range file {
		near := i < len(magic)
		for _, at := range frames {
			near = near || i >= at-2 && i < at+frameSize+2
		}
		if near || i%max(1, len(file)/n) == 0 {
			out = append(out, i)
		}
	}
	return out
}

// TestTornAnywhere cuts a recorded file at many places: what is left loads, is
// torn, holds no more than the whole, and no read without its write.
func TestTornAnywhere(t *testing.T) {
	file := recordedBytes(t, 6)
	whole, err := Decode(bytes.NewReader(file), -1)
	must(t, err)
	must(t, unwritten(whole))
	at := frames(t, file)
	for _, n := range places(file, at, 400) {
		h, err := Decode(bytes.NewReader(file[:n]), -1)
		if n < at[1] {
			// Without its header it is no history.
			if err == nil {
				t.Fatalf("%d bytes, without the whole header, loaded", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d of %d bytes: %v", n, len(file), err)
		}
		if !h.Torn {
			t.Fatalf("cut at %d of %d bytes: not torn", n, len(file))
		}
		if err := unwritten(h); err != nil {
			t.Fatalf("cut at %d of %d bytes: %v", n, len(file), err)
		}
	}
	// A history without its end block has everything but the certainty.
	h, err := Decode(bytes.NewReader(file[:at[len(at)-1]]), -1)
	must(t, err)
	h.Torn = false
	identical(t, h, whole)
}

// TestTornTailOfZeros: what the disk never got reads as zeros after the machine
// died.
func TestTornTailOfZeros(t *testing.T) {
	file := recordedBytes(t, 3)
	at := frames(t, file)
	for _, n := range []int{at[len(at)-1], at[len(at)-1] + 30, at[len(at)-2] + frameSize + 5} {
		cut := append(bytes.Clone(file[:n]), make([]byte, len(file)-n)...)
		if n < at[len(at)-1] {
			// Up to the end of the block that the zeros are in.
			cut = cut[:at[len(at)-1]]
		}
		h, err := Decode(bytes.NewReader(cut), -1)
		if err != nil {
			t.Errorf("zeros from %d: %v", n, err)
			continue
		}
		if !h.Torn {
			t.Errorf("zeros from %d: not torn", n)
		}
	}
}

// TestDamageIsNoticed changes bytes all over the file: either the reader refuses the file and
// names the place, or the damage is in the last block and the history is torn.
// It must never give another history as a whole one.
func TestDamageIsNoticed(t *testing.T) {
	file := recordedBytes(t, 3)
	at := frames(t, file)
	last := at[len(at)-1]
	for _, i := range places(file, at, 600) {
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		h, err := Decode(bytes.NewReader(bad), -1)
		if err == nil {
			if !h.Torn || i < last {
				t.Fatalf("byte %d of %d changed, the last block begins at %d: loaded, torn %v", i, len(file), last, h.Torn)
			}
			continue
		}
		var place *FormatError
		if !errors.As(err, &place) {
			t.Fatalf("byte %d: error %v is no FormatError", i, err)
		}
		if i >= len(magic) && (place.Block == 0 || at[place.Block-1] > i || int64(at[place.Block-1]) != place.Offset) {
			t.Fatalf("byte %d: error names block %d at %d: %v", i, place.Block, place.Offset, err)
		}
	}
}

// TestCutOfManyBlocks: a flush that spans blocks counts whole or not at all.
func TestCutOfManyBlocks(t *testing.T) {
	h := typical(t, maxBlockOps+100, 8, 8, 9)
	var buf bytes.Buffer
	must(t, Encode(&buf, h))
	at := frames(t, buf.Bytes())
	for i, a := range at[1:] {
		got, err := Decode(bytes.NewReader(buf.Bytes()[:a]), -1)
		must(t, err)
		want := 0
		if i == len(at)-2 {
			want = len(h.Ops)
		}
		if want > 0 {
			got.Torn = false
			identical(t, got, h)
			got.Torn = true
		}
		if len(got.Ops) != want || !got.Torn {
			t.Errorf("cut before block %d: %d operations, torn %v, want %d", i+2, len(got.Ops), got.Torn, want)
		}
	}
}
