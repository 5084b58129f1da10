package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/internal/proxy"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

var discard = slog.New(slog.DiscardHandler)

// serveNode runs the answering side of a node on a loopback port.
func serveNode(t *testing.T, id Identity, inFlight int) (addr string, local *replica.Replica) {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: "data", Node: id.Node, Ring: id.Ring, Fsync: true, FS: vfs.NewMem(), Logger: discard, MaxHints: 1})
	if err != nil {
		t.Fatal(err)
	}
	local = replica.New(store, hlc.NewClock(nil, time.Second), &defect.Set{})
	ps := NewServer(id, local, inFlight, time.Second, discard)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: ps}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		ps.Close()
		<-served
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), local
}

func startLink(t *testing.T, self Identity, peer, addr string, timeout time.Duration) *Link {
	t.Helper()
	l := NewLink(self, peer, addr, timeout, discard, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx := within(t)
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("never came about: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestCallsOverOneConnection(t *testing.T) {
	addr, _ := serveNode(t, Identity{Node: "n2", Ring: "ring", Mode: "leaderless"}, 1000)
	l := startLink(t, Identity{Node: "n1", Ring: "ring", Mode: "leaderless"}, "n2", addr, 10*time.Second)
	ctx := within(t)
	if err := l.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			key := fmt.Sprint("k", i)
			if got, err := l.Read(ctx, 1, key); err != nil || got.Live() {
				t.Errorf("%s before: %+v, %v", key, got, err)
			}
			want := record.Record{Version: record.Version{Time: hlc.Timestamp(i + 1), Node: "n1"}, Value: []byte(strings.Repeat(key, 1+i*10))}
			if err := l.Apply(ctx, 1, key, want); err != nil {
				t.Error(err)
			}
			if got, err := l.Read(ctx, 1, key); err != nil || got.Compare(want) != 0 {
				t.Errorf("%s: %+v, %v", key, got, err)
			}
			if got, err := l.Version(ctx, 1, key); err != nil || got != want.Version {
				t.Errorf("%s: %+v, %v", key, got, err)
			}
		})
	}
	wg.Wait()
}

func TestLinkRefusesTheWrongNode(t *testing.T) {
	addr, _ := serveNode(t, Identity{Node: "n2", Nodes: "n1 n2", Ring: "ring", Mode: "leaderless"}, 10)
	for _, tc := range []struct {
		self Identity
		peer string
		want string
	}{
		{Identity{Node: "n1", Nodes: "n1 n2", Ring: "ring", Mode: "leaderless"}, "n3", `this is node "n2", not "n3"`},
		{Identity{Node: "n1", Nodes: "n1 n2", Ring: "other", Mode: "leaderless"}, "n2", "configured differently: node n2 places keys otherwise"},
		{Identity{Node: "n1", Nodes: "n1 n2 n3", Ring: "ring", Mode: "leaderless"}, "n2", "configured differently: node n2 knows the nodes n1 n2, not n1 n2 n3: name the same nodes to all"},
		{Identity{Node: "n1", Nodes: "n1 n2", Ring: "ring", Mode: "raft"}, "n2", "configured differently: node n2 is of mode leaderless, not raft"},
		{Identity{Node: "n1", Nodes: "n1 n2", Ring: "ring", Mode: "leaderless", Settings: "x=1"}, "n2", `configured differently: node n2 has "", not "x=1": give all nodes the same`},
	} {
		l := startLink(t, tc.self, tc.peer, addr, 5*time.Second)
		err := l.Ready(within(t))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, replica.ErrNotApplied) {
			t.Errorf("%+v to %s: %v", tc.self, tc.peer, err)
		}
	}
}

func TestUnreachablePeerFailsAtOnceAndComesBack(t *testing.T) {
	hold, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := hold.Addr().String()
	hold.Close()
	l := startLink(t, Identity{Node: "n1", Ring: "ring", Mode: "leaderless"}, "n2", addr, 5*time.Second)
	if err := l.Apply(within(t), 1, "k", someRecord()); !errors.Is(err, replica.ErrNotApplied) {
		t.Fatalf("nobody listens: %v", err)
	}
	id := Identity{Node: "n2", Ring: "ring", Mode: "leaderless"}
	store, err := storage.Open(storage.Options{Dir: "d", Node: "n2", Ring: "ring", FS: vfs.NewMem(), Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ps := NewServer(id, replica.New(store, hlc.NewClock(nil, 0), &defect.Set{}), 10, time.Second, discard)
	nl, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: ps}
	go func() { _ = srv.Serve(nl) }()
	defer ps.Close()
	defer srv.Close()
	eventually(t, "the link is up", func() bool { return l.Err() == nil })
	if err := l.Apply(within(t), 1, "k", someRecord()); err != nil {
		t.Fatal(err)
	}
}

func TestOverloadedPeerRefuses(t *testing.T) {
	addr, _ := serveNode(t, Identity{Node: "n2", Ring: "ring", Mode: "leaderless"}, 0)
	l := startLink(t, Identity{Node: "n1", Ring: "ring", Mode: "leaderless"}, "n2", addr, 5*time.Second)
	err := l.Apply(within(t), 1, "k", someRecord())
	if !errors.Is(err, replica.ErrNotApplied) || !strings.Contains(err.Error(), "overloaded") {
		t.Fatalf("no slot is free: %v", err)
	}
}

// A request to which no answer comes in its time is told so, though the connection goes on; one that was never sent is said not to be applied.
func TestRequestsExpire(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := &conn{Stream: frame.NewStream(here, bufio.NewReader(here), 10, time.Minute), waiting: map[uint64]waiting{}, begun: time.Now()}
	defer c.Close(errors.New("over"))
	r := request{op: opRead, key: "k"}
	told := make(chan reply, 3)
	tell := func(a reply) { told <- a }
	c.start(opRead, time.Nanosecond, r.appendTo, tell)
	time.Sleep(time.Millisecond)
	c.expire()
	if a := <-told; !errors.Is(a.err, context.DeadlineExceeded) || !errors.Is(a.err, replica.ErrNotApplied) {
		t.Errorf("never sent: %v", a.err)
	}
	go c.Run()
	c.start(opRead, time.Nanosecond, r.appendTo, tell)
	c.start(opRead, time.Hour, r.appendTo, tell)
	c.start(opRead, 0, r.appendTo, tell)
	in := bufio.NewReader(there)
	for range 3 { // without the one that was withdrawn
		if _, _, err := frame.Read(in, nil, MaxMessage); err != nil {
			t.Fatal(err)
		}
	}
	c.Flushed(nil)
	c.expire()
	if a := <-told; !errors.Is(a.err, context.DeadlineExceeded) || errors.Is(a.err, replica.ErrNotApplied) {
		t.Errorf("sent: %v", a.err)
	}
	if len(told) != 0 || len(c.waiting) != 2 {
		t.Errorf("%d told, %d wait", len(told), len(c.waiting))
	}
	c.Close(errors.New("over"))
	c.end()
	for range 2 {
		if a := <-told; !errors.Is(a.err, errLost) || errors.Is(a.err, replica.ErrNotApplied) {
			t.Errorf("lost: %v", a.err)
		}
	}
	c.start(opRead, 0, r.appendTo, tell)
	if a := <-told; !errors.Is(a.err, replica.ErrNotApplied) {
		t.Errorf("after the end: %v", a.err)
	}
}

// A silent link is given up, requests then fail at once, and after the partition a new connection stands soon.
func TestPartitionedLinkIsGivenUpAndRecovers(t *testing.T) {
	addr, local := serveNode(t, Identity{Node: "n2", Ring: "ring", Mode: "leaderless"}, 100)
	wire := proxy.New(t, addr)
	l := startLink(t, Identity{Node: "n1", Ring: "ring", Mode: "leaderless"}, "n2", wire.Addr(), 100*time.Millisecond)
	eventually(t, "the link is up", func() bool { return l.Err() == nil })
	if err := l.Apply(within(t), 1, "k", someRecord()); err != nil {
		t.Fatal(err)
	}
	lost := l.Lost()
	select {
	case <-lost:
		t.Fatal("lost while it is up")
	default:
	}
	wire.Cut(true)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	lostRec := someRecord()
	lostRec.Version.Time++
	err := l.Apply(ctx, 1, "lost", lostRec)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("a request into the partition: %v", err)
	}
	if errors.Is(err, replica.ErrNotApplied) {
		if r, err := local.Read("lost"); err != nil || r.Live() {
			t.Fatalf("said to be not applied, and is: %v", err)
		}
	}
	eventually(t, "the link is seen to be down", func() bool {
		return errors.Is(l.Ready(canceled()), replica.ErrNotApplied) && l.Err() != nil && l.Err().Error() != "connecting"
	})
	select {
	case <-lost:
	case <-ctx.Done():
		t.Fatal("not lost, although it is down")
	}
	if l.Lost() != nil {
		t.Fatal("there is no connection that could be lost")
	}
	wire.Cut(false)
	eventually(t, "the link is up again", func() bool { return l.Err() == nil })
	if _, err := l.Read(within(t), 1, "k"); err != nil {
		t.Fatal(err)
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestServerRefusesNonsense(t *testing.T) {
	addr, _ := serveNode(t, Identity{Node: "n2", Ring: "ring", Mode: "leaderless"}, 10)
	resp, err := http.Get("http://" + addr + Path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusConflict {
		t.Fatalf("a plain request: %s", resp.Status)
	}
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: n9\r\n%s: n2\r\n%s: ring\r\n%s: leaderless\r\n\r\n",
		Path, Protocol, headerFrom, headerTo, headerRing, headerMode)
	fmt.Fprint(nc, strings.Repeat("\xff", 100))
	if err := nc.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(nc)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the connection stays open after a malformed frame: %q", rest)
	}
}

func BenchmarkApplyOverLoopback(b *testing.B) {
	id := Identity{Node: "n2", Ring: "ring", Mode: "leaderless"}
	store, err := storage.Open(storage.Options{Dir: "d", Node: "n2", Ring: "ring", Fsync: true, FS: vfs.NewMem(), Logger: discard})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ps := NewServer(id, replica.New(store, hlc.NewClock(nil, 0), &defect.Set{}), 1000, time.Second, discard)
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: ps}
	go func() { _ = srv.Serve(nl) }()
	defer ps.Close()
	defer srv.Close()
	l := NewLink(Identity{Node: "n1", Ring: "ring", Mode: "leaderless"}, "n2", nl.Addr().String(), 5*time.Second, discard, nil)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go l.Run(ctx)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for i := 1; pb.Next(); i++ {
			rec := record.Record{Version: record.Version{Time: hlc.Timestamp(i), Node: "n1"}, Value: []byte("12345")}
			if err := l.Apply(ctx, 1, fmt.Sprint("k", i%100), rec); err != nil {
				b.Error(err)
			}
		}
	})
}

// How long a connection is silent is told by the monotonic clock: what the wall clock is set to meanwhile is no silence, and hides none.
func TestSilenceIsMonotonic(t *testing.T) {
	server, client := net.Pipe()
	defer server.Close()
	c := startConn(frame.NewStream(client, bufio.NewReader(client), 1, time.Minute), time.Minute)
	defer c.Close(errors.New("over"))
	if !strings.Contains(c.begun.String(), " m=") {
		t.Error("it has a wall clock's time alone")
	}
	before := c.silent()
	time.Sleep(2 * time.Millisecond)
	if after := c.silent(); after <= before {
		t.Errorf("silent for %v, and then for %v", before, after)
	}
	// An answer is heard before whoever waits for it has it.
	go func() {
		f, _, err := frame.Read(bufio.NewReader(server), nil, MaxMessage)
		if err == nil {
			_, err = server.Write(frame.Append(nil, f.ID, byte(statusBody), func(b []byte) []byte { return append(b, "yes"...) }))
		}
		if err != nil {
			c.Close(err)
		}
	}()
	if a := c.ask(within(t), opCall, func(b []byte) []byte { return b }); a.err != nil || string(a.body) != "yes" {
		t.Fatalf("%q, %v", a.body, a.err)
	}
	if now, whole := c.silent(), time.Since(c.begun); c.lastHeard.Load() == 0 || now >= whole {
		t.Errorf("silent for %v of %v although an answer was heard", now, whole)
	}
}
