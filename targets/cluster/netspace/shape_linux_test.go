package netspace_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/netspace"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	os.Exit(sandboxtest.Main(m))
}

var n1n2 = cluster.Link{From: "n1", To: "n2"}

// bench is a cluster in namespaces with sockets for datagrams of the tests' own.
type bench struct {
	*clustertest.Bench
	t   *testing.T
	net *netspace.Shaped
}

func newBench(t *testing.T, adapt ...func(*cluster.Spec)) *bench {
	t.Helper()
	b := clustertest.NewBench(t, sandbox.Provider{}, 3, append([]func(*cluster.Spec){
		func(s *cluster.Spec) { s.Needs = netspace.Capabilities() }}, adapt...)...)
	return &bench{Bench: b, t: t, net: b.Network().(*netspace.Shaped)}
}

func (b *bench) socket(name string) *net.UDPConn {
	b.t.Helper()
	for _, e := range b.net.Network {
		if e.Name != name {
			continue
		}
		var c *net.UDPConn
		b.Do(e.Space.Do(func() (err error) {
			c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: e.Addr.AsSlice()})
			return err
		}))
		b.t.Cleanup(func() { _ = c.Close() })
		return c
	}
	b.t.Fatalf("no end %s", name)
	return nil
}

// arrival is a datagram that came.
type arrival struct {
	number int
	took   time.Duration
}

// send sends numbered datagrams over a link, a moment apart, and returns what has come when
// all have that the network does not say it lost.
func (b *bench) send(link cluster.Link, n int) []arrival {
	b.t.Helper()
	in, out := b.socket(link.To), b.socket(link.From)
	var mu sync.Mutex
	var got []arrival
	sent := make([]time.Time, n)
	go func() {
		buf := make([]byte, 100)
		for {
			k, err := in.Read(buf)
			if err != nil {
				return // the test has ended
			}
			i, err := strconv.Atoi(string(buf[:k]))
			mu.Lock()
			if err == nil && i >= 0 && i < n {
				got = append(got, arrival{i, time.Since(sent[i])})
			}
			mu.Unlock()
		}
	}()
	for i := range n {
		mu.Lock()
		sent[i] = time.Now()
		mu.Unlock()
		if _, err := out.WriteToUDPAddrPort(strconv.AppendInt(nil, int64(i), 10), in.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			b.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	b.Await("datagrams", func() error {
		held, err := b.net.Held(b.Ctx)
		if err != nil {
			return err
		}
		h, shaped := held[link]
		mu.Lock()
		defer mu.Unlock()
		if all := n + int(h.Twice); len(got) < all-int(h.Lost) || shaped && int(h.Passed+h.Lost) < all {
			return fmt.Errorf("of %d came %d, counted are %+v", n, len(got), h)
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(got)
}

func (b *bench) held(l cluster.Link) cluster.Held {
	b.t.Helper()
	h, err := b.net.Held(b.Ctx)
	b.Do(err)
	if len(h) != 1 {
		b.t.Errorf("shaped are %v, want only %v", h, l)
	}
	return h[l]
}

// whole checks that nothing is left of a shape.
func (b *bench) whole() {
	b.t.Helper()
	if h, err := b.net.Held(b.Ctx); err != nil || len(h) > 0 {
		b.t.Errorf("still shaped: %v (%v)", h, err)
	}
	if left := b.tables(); left > 0 {
		b.t.Errorf("%d tables are left", left)
	}
	if got := b.send(n1n2, 50); len(got) != 50 || !slices.IsSortedFunc(got, func(x, y arrival) int { return x.number - y.number }) {
		b.t.Errorf("of 50 datagrams came %v", got)
	}
}

// tables counts those of the firewall at all ends.
func (b *bench) tables() (n int) {
	b.t.Helper()
	for _, e := range b.net.Network {
		b.Do(e.Space.Do(func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			all, err := c.ListTables()
			n += len(all)
			return err
		}))
	}
	return n
}

// TestShape does each thing to datagrams of the test's own, and compares what came with what
// the network says that it did.
func TestShape(t *testing.T) {
	const n = 400
	for _, c := range []struct {
		name  string
		q     cluster.Quality
		check func(t *testing.T, got []arrival, h cluster.Held)
	}{
		{"loss", cluster.Quality{Loss: 0.2}, func(t *testing.T, got []arrival, h cluster.Held) {
			if lost := n - len(got); lost == 0 || len(got) == 0 || h.Lost != uint64(lost) || h.Passed != uint64(len(got)) {
				t.Errorf("%d of %d came, and counted are %+v", len(got), n, h)
			}
		}},
		{"all is lost", cluster.Quality{Loss: 1}, func(t *testing.T, got []arrival, h cluster.Held) {
			if len(got) > 0 || h.Lost != n || h.Passed > 0 {
				t.Errorf("%d of %d came, and counted are %+v", len(got), n, h)
			}
		}},
		{"bursts", cluster.Quality{Loss: 0.5, Burst: 50 * time.Millisecond}, func(t *testing.T, got []arrival, h cluster.Held) {
			// It begins with the first one.
			if len(got) == 0 || got[0].number == 0 || h.Lost != uint64(n-len(got)) {
				t.Errorf("%d of %d came, and counted are %+v", len(got), n, h)
			}
			gaps := 0
			for i := 1; i < len(got); i++ {
				if got[i].number != got[i-1].number+1 {
					gaps++
				}
			}
			if gaps > n/4 {
				t.Errorf("there are %d gaps: packets are lost one by one", gaps)
			}
		}},
		{"twice", cluster.Quality{Duplicate: 1}, func(t *testing.T, got []arrival, h cluster.Held) {
			times := map[int]int{}
			for _, a := range got {
				times[a.number]++
			}
			for i := range n {
				if times[i] != 2 {
					t.Fatalf("datagram %d came %d times", i, times[i])
				}
			}
			if h.Twice != n || h.Lost > 0 {
				t.Errorf("counted are %+v", h)
			}
		}},
		{"some twice", cluster.Quality{Duplicate: 0.3}, func(t *testing.T, got []arrival, h cluster.Held) {
			if len(got) == n || len(got) == 2*n || h.Twice != uint64(len(got)-n) {
				t.Errorf("%d of %d came, and counted are %+v", len(got), n, h)
			}
		}},
		{"later", cluster.Quality{Delay: 40 * time.Millisecond, Jitter: 20 * time.Millisecond}, func(t *testing.T, got []arrival, h cluster.Held) {
			if len(got) != n || !slices.IsSortedFunc(got, func(x, y arrival) int { return x.number - y.number }) {
				t.Errorf("%d of %d came, or not in order", len(got), n)
			}
			for _, a := range got {
				if a.took < 20*time.Millisecond {
					t.Fatalf("datagram %d took %s", a.number, a.took)
				}
			}
			if h.Packets != n || h.Waited < n*20*time.Millisecond || h.Overtook > 0 {
				t.Errorf("counted are %+v", h)
			}
		}},
		{"overtaken", cluster.Quality{Delay: 40 * time.Millisecond, Reorder: 0.3}, func(t *testing.T, got []arrival, h cluster.Held) {
			// Sent a millisecond apart, those that wait are overtaken by those that do not.
			if len(got) != n || slices.IsSortedFunc(got, func(x, y arrival) int { return x.number - y.number }) || h.Overtook == 0 {
				t.Errorf("%d of %d came, in order %v, counted are %+v", len(got), n, got, h)
			}
		}},
		{"thin", cluster.Quality{Rate: 4 << 10}, func(t *testing.T, got []arrival, h cluster.Held) {
			// 28 bytes of headers and the number, and what is too much for the link's memory is lost.
			if uint64(len(got))+h.Lost != n || len(got) == 0 || h.Packets != uint64(len(got)) {
				t.Fatalf("%d of %d came, counted are %+v", len(got), n, h)
			}
			if least := time.Duration(float64(28*len(got)) / (4 << 10) * float64(time.Second)); got[len(got)-1].took < least/2 {
				t.Errorf("the last took %s, of all together %s", got[len(got)-1].took, least)
			}
		}},
		{"all of it", cluster.Quality{Loss: 0.2, Duplicate: 0.3, Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond, Reorder: 0.2, Rate: 1 << 20}, func(t *testing.T, got []arrival, h cluster.Held) {
			if len(got) != int(h.Passed) || h.Lost == 0 || h.Twice == 0 || h.Overtook == 0 {
				t.Errorf("%d came, counted are %+v", len(got), h)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sandboxtest.EachUser(t, func(t *testing.T) {
				b := newBench(t)
				b.Do(b.net.Shape(b.Ctx, c.q, n1n2))
				got := b.send(n1n2, n)
				c.check(t, got, b.held(n1n2))
				if other := b.send(cluster.Link{From: "n2", To: "n1"}, 10); len(other) != 10 {
					t.Errorf("the other way %d of 10 came", len(other))
				}
				b.Do(b.net.Shape(b.Ctx, cluster.Quality{}, n1n2))
				b.whole()
			})
		})
	}
}

// TestStreams: whatever befalls packets, a stream has no hole and nothing twice.
func TestStreams(t *testing.T) {
	b := newBench(t)
	b.Serve()
	if got := b.Fresh("n1", "hold there "+b.Way("n1", "n2")); got != "held" {
		t.Fatal(got)
	}
	q := cluster.Quality{Loss: 0.1, Duplicate: 0.5, Delay: 2 * time.Millisecond, Reorder: 0.3}
	b.Do(b.net.Shape(b.Ctx, q, cluster.Both("n1", "n2")...))
	var want []string
	for i := range 100 {
		want = append(want, strconv.Itoa(i))
		if got := b.Fresh("n1", "push there "+want[i]); got != "pushed" {
			t.Fatal(got)
		}
	}
	b.Await("all notes", func() error {
		if got := b.Fresh("n2", "notes"); got != strings.Join(want, " ") {
			return fmt.Errorf("noted are %s", got)
		}
		return nil
	})
}

// TestHealedWhileWaiting: what waits goes on at once when its link is as it was, and what
// the link is like all the time stays.
func TestHealedWhileWaiting(t *testing.T) {
	usual := cluster.Quality{Delay: 30 * time.Millisecond}
	b := newBench(t, func(s *cluster.Spec) { s.Links = map[cluster.Link]cluster.Quality{n1n2: usual} })
	if got := b.net.Usual(n1n2); got != usual {
		t.Errorf("usually it is %+v", got)
	}
	in, out := b.socket("n2"), b.socket("n1")
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: time.Hour}, n1n2))
	if _, err := out.WriteToUDPAddrPort([]byte("x"), in.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
		t.Fatal(err)
	}
	if h := b.held(n1n2); h.Packets > 0 {
		t.Errorf("it has gone on: %+v", h)
	}
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{}, n1n2))
	b.Do(in.SetReadDeadline(time.Now().Add(30 * time.Second)))
	if _, err := in.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if took, err := b.net.RoundTrip(b.Ctx, "n1", "n2"); err != nil || took < usual.Delay {
		t.Errorf("a round trip takes %s (%v), and one way alone %s", took, err, usual.Delay)
	}
	if h, err := b.net.Held(b.Ctx); err != nil || len(h) > 0 {
		t.Errorf("still shaped: %v (%v)", h, err)
	}
}

// TestHealedWithoutAnythingLeft: the same where nothing holds packets back any more then, and
// what held them goes.
func TestHealedWithoutAnythingLeft(t *testing.T) {
	b := newBench(t)
	in, out := b.socket("n2"), b.socket("n1")
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: time.Hour}, n1n2))
	for range 10 {
		if _, err := out.WriteToUDPAddrPort([]byte("x"), in.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			t.Fatal(err)
		}
	}
	b.Await("all to wait", func() error {
		if n := b.net.Waiting("n2"); n != 10 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{}, n1n2))
	b.Do(in.SetReadDeadline(time.Now().Add(30 * time.Second)))
	for i := range 10 {
		if _, err := in.Read(make([]byte, 10)); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	b.whole()
}

// TestCutHealedWhileSomethingWaits: the kernel loses what waits in a namespace when a chain of
// its firewall goes, so that none goes meanwhile. What waits arrives, and nothing is left.
func TestCutHealedWhileSomethingWaits(t *testing.T) {
	const n = 5
	b := newBench(t)
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: time.Hour}, n1n2))
	in, out := b.socket("n2"), b.socket("n1")
	for i := range n {
		other := cluster.Link{From: "n3", To: "n2"}
		b.Do(b.net.Cut(b.Ctx, other))
		if _, err := out.WriteToUDPAddrPort([]byte{byte(i)}, in.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			t.Fatal(err)
		}
		b.Await("it to wait", func() error {
			if n := b.net.Waiting("n2"); n != i+1 {
				return fmt.Errorf("%d wait", n)
			}
			return nil
		})
		if i%2 == 0 {
			b.Do(b.net.Heal(b.Ctx, other))
		} else {
			b.Do(b.net.HealAll(b.Ctx))
		}
	}
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: 20 * time.Millisecond}, n1n2))
	b.Do(in.SetReadDeadline(time.Now().Add(30 * time.Second)))
	for i := range n {
		buf := make([]byte, 10)
		if k, err := in.Read(buf); err != nil || k != 1 || buf[0] != byte(i) {
			t.Fatalf("as number %d came %v (%v)", i, buf[:k], err)
		}
	}
	for _, a := range b.send(n1n2, 50) {
		if a.took < 20*time.Millisecond {
			t.Fatalf("datagram %d took %s", a.number, a.took)
		}
	}
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{}, n1n2))
	b.whole()
}

// TestHealedBeforeItWasRead: what waits arrives also where the reader of the queue is behind.
func TestHealedBeforeItWasRead(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		const n = 150 // as many as sockets have room for
		b := newBench(t)
		b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: time.Hour}, n1n2))
		in, out := b.socket("n2"), b.socket("n1")
		on := b.net.Stall("n2")
		for i := range n {
			if _, err := out.WriteToUDPAddrPort([]byte{byte(i)}, in.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
				t.Fatal(err)
			}
		}
		b.Await("all to wait in the kernel", func() error {
			if got, err := b.net.Queued("n2"); got != n || err != nil {
				return fmt.Errorf("%d wait (%w)", got, err)
			}
			return nil
		})
		healed := make(chan error)
		go func() { healed <- b.net.Shape(b.Ctx, cluster.Quality{}, n1n2) }()
		time.Sleep(100 * time.Millisecond) // so that it has come to the reader
		on()
		b.Do(<-healed)
		b.Do(in.SetReadDeadline(time.Now().Add(30 * time.Second)))
		for i := range n {
			buf := make([]byte, 10)
			if k, err := in.Read(buf); err != nil || k != 1 || buf[0] != byte(i) {
				t.Fatalf("as number %d came %v (%v)", i, buf[:k], err)
			}
		}
		b.whole()
	})
}

// TestReaderIsBehind: what there is no room for in the queue passes.
func TestReaderIsBehind(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		b := newBench(t)
		b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: time.Hour}, n1n2))
		in, out := b.socket("n2"), b.socket("n1")
		on := b.net.Stall("n2")
		defer on()
		const most = 100_000 // many times what there is room for
		for i := range most {
			if _, err := out.WriteToUDPAddrPort([]byte("x"), in.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
				t.Fatal(err)
			}
			if i%1000 > 0 {
				continue
			}
			b.Do(in.SetReadDeadline(time.Now().Add(time.Millisecond)))
			switch _, err := in.Read(make([]byte, 10)); {
			case err == nil:
				return
			case !errors.Is(err, os.ErrDeadlineExceeded):
				t.Fatal(err)
			}
		}
		t.Errorf("of %d datagrams none passed", most)
	})
}

// brokenOff is a context that ends after it was asked whether it has a number of times.
type brokenOff struct {
	context.Context
	asked, after int
}

func (c *brokenOff) Err() error {
	if c.asked++; c.asked > c.after {
		return context.Canceled
	}
	return nil
}

// TestShapedHalfWay: what has shaped some links before it failed is undone like the rest.
func TestShapedHalfWay(t *testing.T) {
	b := newBench(t)
	links := cluster.Both("n1", "n2")
	for _, q := range []cluster.Quality{{Loss: 1}, {Delay: time.Hour}} {
		if err := b.net.Shape(&brokenOff{Context: b.Ctx, after: 1}, q, links...); !errors.Is(err, context.Canceled) {
			t.Fatalf("it is not broken off: %v", err)
		}
		if n := b.tables(); n != 1 {
			t.Fatalf("%d ends have tables, and one is to be shaped", n)
		}
		b.Do(b.net.Shape(b.Ctx, cluster.Quality{}, links...))
		b.whole()
		if got := b.send(cluster.Link{From: "n2", To: "n1"}, 10); len(got) != 10 {
			t.Errorf("the other way came %v", got)
		}
	}
}

// TestReaderDies: packets of a queue that nobody reads any more pass, and it is said.
func TestReaderDies(t *testing.T) {
	b := newBench(t)
	b.Do(b.net.Shape(b.Ctx, cluster.Quality{Delay: time.Hour}, n1n2))
	b.Do(b.net.LoseReaders())
	if _, err := b.net.Held(b.Ctx); err == nil {
		t.Error("nobody says that nothing is held back any more")
	}
	b.Do(b.net.Probe(b.Ctx, n1n2))
}

// TestReset: a connection ends at both ends, others do not, and new ones can be made.
func TestReset(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		b := newBench(t)
		b.Serve()
		for _, id := range []string{"n2", "n3"} {
			if got := b.Fresh("n1", "hold "+id+" "+b.Way("n1", id)); got != "held" {
				t.Fatal(got)
			}
		}
		if n, err := b.net.Reset(b.Ctx, cluster.Both("n2", "n3")...); n != 0 || err != nil {
			t.Errorf("%d connections between n2 and n3 were reset (%v)", n, err)
		}
		if n, err := b.net.Reset(b.Ctx, cluster.Both("n1", "n2")...); n != 1 || err != nil {
			t.Errorf("%d connections were reset (%v), want 1", n, err)
		}
		if got := b.Fresh("n1", "use n2 x"); !strings.HasPrefix(got, "error: ") {
			t.Errorf("the connection goes on: %s", got)
		}
		b.Await("the other connection", func() error {
			if got := b.Fresh("n1", "use n3 x"); got != "x" {
				return errors.New(got)
			}
			return nil
		})
		b.Await("a new connection", func() error {
			if got := b.Fresh("n1", "hold n2 "+b.Way("n1", "n2")); got != "held" {
				return errors.New(got)
			}
			return nil
		})
	})
}

// TestRefused: what cannot be is an error, and nothing is shaped.
func TestRefused(t *testing.T) {
	b := newBench(t)
	for _, q := range []cluster.Quality{{Loss: 1.5}, {Loss: -1}, {Delay: -1}, {Burst: time.Second}, {Loss: 1, Burst: 1}, {Reorder: 0.5}, {Duplicate: 2}} {
		if err := b.net.Shape(b.Ctx, q, n1n2); err == nil {
			t.Errorf("%+v was taken", q)
		}
	}
	for _, l := range []cluster.Link{{From: "n1", To: "n1"}, {From: "n1", To: "n9"}, {From: "n9", To: "n1"}} {
		if err := b.net.Shape(b.Ctx, cluster.Quality{Loss: 0.5}, l); err == nil {
			t.Errorf("%v was taken", l)
		}
		if _, err := b.net.Reset(b.Ctx, l); err == nil {
			t.Errorf("resetting %v was taken", l)
		}
	}
	err := b.net.Can(b.Ctx, []cluster.Capability{cluster.Disks})
	var lacks *cluster.EnvironmentError
	if !errors.As(err, &lacks) || lacks.Way == "" {
		t.Errorf("a network has disks: %v", err)
	}
	b.whole()
}
