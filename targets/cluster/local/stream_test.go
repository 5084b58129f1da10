package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

var (
	there = cluster.Link{From: cluster.Clients, To: "n1"}
	back  = cluster.Link{From: "n1", To: cluster.Clients}
)

// rig is a proxy between a client and a listener that stands for a node.
type rig struct {
	t     *testing.T
	net   *network
	proxy *proxy
	node  net.Listener
}

func newRig(t *testing.T) *rig {
	t.Helper()
	l, err := net.Listen("tcp", hostPort(0))
	if err != nil {
		t.Fatal(err)
	}
	w := newNetwork([]string{"n1"}, nil)
	p, err := newProxy(w, cluster.Clients, "n1", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		p.close()
		if len(w.connections) != 0 || len(w.probes) != 0 {
			t.Errorf("%d connections and %d probes are left", len(w.connections), len(w.probes))
		}
	})
	return &rig{t, w, p, l}
}

func (r *rig) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.proxy.addr())
	r.do(err)
	r.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// connect is the two ends of an established connection.
func (r *rig) connect() (client, node *net.TCPConn) {
	r.t.Helper()
	client = r.dial()
	c, err := r.node.Accept()
	r.do(err)
	r.t.Cleanup(func() { c.Close() })
	return client, c.(*net.TCPConn)
}

// silent says that nothing, not even an end, arrives for a while.
func (r *rig) silent(c net.Conn) {
	r.t.Helper()
	r.do(c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
	r.do(c.SetReadDeadline(time.Time{}))
}

// reset says that the connection is reset.
func (r *rig) reset(c net.Conn) {
	r.t.Helper()
	r.do(c.SetReadDeadline(time.Now().Add(30 * time.Second)))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		r.t.Fatalf("read %d bytes, %v; want a reset", n, err)
	}
}

func (r *rig) passes(from, to net.Conn, text string) {
	r.t.Helper()
	_, err := io.WriteString(from, text)
	r.do(err)
	r.do(to.SetReadDeadline(time.Now().Add(30 * time.Second)))
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(to, buf); err != nil || string(buf) != text {
		r.t.Fatalf("read %q, %v; want %q", buf, err, text)
	}
}

func (r *rig) drops(l cluster.Link) cluster.Drops {
	r.t.Helper()
	d, err := r.net.Drops(r.t.Context())
	r.do(err)
	return d[l]
}

func (r *rig) awaitDrops(l cluster.Link, want cluster.Drops) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	r.do(cluster.Await(ctx, "drops", func(context.Context) error {
		if got := r.drops(l); got != want {
			return fmt.Errorf("%+v, want %+v", got, want)
		}
		return nil
	}))
}

func TestHalfClose(t *testing.T) {
	r := newRig(t)
	client, node := r.connect()
	r.passes(client, node, "question")
	r.do(client.CloseWrite())
	if _, err := node.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the node reads %v, want the end", err)
	}
	r.passes(node, client, "answer")
	r.do(node.Close())
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the client reads %v, want the end", err)
	}
}

func TestResetPasses(t *testing.T) {
	r := newRig(t)
	client, node := r.connect()
	r.do(node.SetLinger(0))
	r.do(node.Close())
	r.reset(client)
	client, node = r.connect()
	r.do(client.SetLinger(0))
	r.do(client.Close())
	r.reset(node)
}

func TestRefused(t *testing.T) {
	r := newRig(t)
	r.do(r.node.Close())
	c, err := net.Dial("tcp", r.proxy.addr())
	if errors.Is(err, syscall.ECONNRESET) {
		return // the reset was that quick
	}
	r.do(err)
	defer c.Close()
	r.reset(c)
}

func TestIdleConnectionSurvives(t *testing.T) {
	r := newRig(t)
	client, node := r.connect()
	r.do(r.net.Cut(t.Context(), there, back))
	r.do(r.net.HealAll(t.Context()))
	r.passes(client, node, "x")
	r.passes(node, client, "y")
}

func TestLossResetsWhenBothAreWhole(t *testing.T) {
	r := newRig(t)
	client, node := r.connect()
	r.do(r.net.Cut(t.Context(), there))
	_, err := client.Write([]byte("lost"))
	r.do(err)
	r.silent(node)
	r.awaitDrops(there, cluster.Drops{Packets: 1, Bytes: 4})
	r.passes(node, client, "the other way") // one way only
	r.do(r.net.Cut(t.Context(), back))
	r.do(r.net.Heal(t.Context(), there))
	_, err = client.Write([]byte("behind a hole"))
	r.do(err)
	r.silent(node)
	r.silent(client) // a reset could not have come: its way is cut
	r.do(r.net.Heal(t.Context(), back))
	r.reset(client)
	r.reset(node)
}

func TestOpenedDuringCut(t *testing.T) {
	for _, cut := range []cluster.Link{there, back} {
		t.Run(cut.String(), func(t *testing.T) {
			r := newRig(t)
			r.do(r.net.Cut(t.Context(), cut))
			client := r.dial()
			r.awaitDrops(cut, cluster.Drops{Packets: 1})
			_, err := client.Write([]byte("never"))
			r.do(err)
			r.silent(client)
			r.do(r.net.HealAll(t.Context()))
			r.reset(client)
			client, node := r.connect()
			r.passes(client, node, "x")
		})
	}
}

func TestEndsAreLost(t *testing.T) {
	r := newRig(t)
	client, node := r.connect()
	r.do(r.net.Cut(t.Context(), there))
	r.do(client.Close())
	r.silent(node)
	r.awaitDrops(there, cluster.Drops{Packets: 1})
	r.do(r.net.HealAll(t.Context()))
	r.reset(node)

	client, node = r.connect()
	r.do(r.net.Cut(t.Context(), back))
	r.do(node.SetLinger(0))
	r.do(node.Close())
	r.silent(client)
	r.awaitDrops(back, cluster.Drops{Packets: 1})
	r.do(r.net.HealAll(t.Context()))
	r.reset(client)
}

// TestCutInterruptsBlockedWrite has a node that does not read, so that the proxy
// is stuck in a write when the link is cut.
func TestCutInterruptsBlockedWrite(t *testing.T) {
	r := newRig(t)
	client, node := r.connect()
	var wrote atomic.Int64
	failed := make(chan error, 1)
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Write(buf)
			wrote.Add(int64(n))
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	for before := int64(-1); before != wrote.Load(); time.Sleep(200 * time.Millisecond) {
		before = wrote.Load() // until the node's and the proxy's buffers are full
	}
	r.do(r.net.Cut(t.Context(), there)) // returns, or the test times out
	if d := r.drops(there); d.Packets == 0 || d.Bytes == 0 {
		t.Errorf("drops: %+v, want the interrupted write", d)
	}
	r.do(r.net.HealAll(t.Context()))
	if err := <-failed; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the client's stream ends with %v, want a reset", err)
	}
	if _, err := io.Copy(io.Discard, node); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the node's stream ends with %v, want a reset", err)
	}
}

func TestSenderIsStoppedAfterTheWindow(t *testing.T) {
	r := newRig(t)
	client, _ := r.connect()
	r.do(r.net.Cut(t.Context(), there))
	// Far more than the window and the kernel's buffers: somewhere it must block.
	buf := make([]byte, 64<<10)
	var err error
	for wrote := 0; wrote < 256<<20 && err == nil; wrote += len(buf) {
		r.do(client.SetWriteDeadline(time.Now().Add(2 * time.Second)))
		_, err = client.Write(buf)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing into a cut: %v, want it to block", err)
	}
	if d := r.drops(there); d.Bytes < lostWindow || d.Bytes > 2*lostWindow {
		t.Errorf("%d bytes were thrown away, want about %d", d.Bytes, lostWindow)
	}
}

// TestNoHoles sends numbered words both ways over many connections while links
// are cut and healed at random, and checks that everybody reads a prefix of what
// was sent to them, whatever was lost.
func TestNoHoles(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := newRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	whole, resets := 0, 0
	count := func(words int, broke bool) {
		mu.Lock()
		defer mu.Unlock()
		if broke {
			resets++
		}
		whole += words
	}
	all.Go(func() {
		for {
			c, err := r.node.Accept()
			if err != nil {
				return
			}
			all.Go(func() { talk(t, ctx, c, count) })
		}
	})
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				c, err := net.Dial("tcp", r.proxy.addr())
				if errors.Is(err, syscall.ECONNRESET) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				talk(t, ctx, c, count)
			}
		})
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		l := []cluster.Link{there, back}[rnd.IntN(2)]
		act := r.net.Cut
		if rnd.IntN(2) == 0 {
			act = r.net.Heal
		}
		r.do(act(ctx, l))
		time.Sleep(time.Duration(rnd.IntN(5000)) * time.Microsecond)
	}
	r.do(r.net.HealAll(context.WithoutCancel(ctx)))
	r.node.Close()
	all.Wait()
	t.Logf("%d words, %d resets", whole, resets)
	if whole == 0 || resets == 0 {
		t.Errorf("%d words arrived, %d connections were reset: nothing was tested", whole, resets)
	}
}

// talk writes numbered words and checks those that it reads, until ctx ends or
// the connection breaks.
func talk(t *testing.T, ctx context.Context, c net.Conn, count func(words int, broke bool)) {
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	defer c.Close()
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := uint64(0); ; i++ {
			if _, err := c.Write(binary.BigEndian.AppendUint64(nil, i)); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 8)
	words := 0
	for want := uint64(0); ; want++ {
		if _, err := io.ReadFull(c, buf); err != nil {
			break
		}
		if got := binary.BigEndian.Uint64(buf); got != want {
			t.Errorf("a hole: read %d, want %d", got, want)
			break
		}
		words++
	}
	count(words, ctx.Err() == nil)
	c.Close()
	writer.Wait()
}
