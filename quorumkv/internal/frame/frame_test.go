package frame

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

func text(s string) func([]byte) []byte { return func(b []byte) []byte { return append(b, s...) } }

const limit = 100

func TestReadsBack(t *testing.T) {
	b := Append(Append(Append(nil, 1, 7, text("one")), 1<<63, withdrawn, text("gone")), 3, 0, nil)
	r := bufio.NewReader(bytes.NewReader(b))
	var buf []byte
	for _, want := range []string{"1 7 one", "3 0 "} {
		var f Frame
		var err error
		if f, buf, err = Read(r, buf, limit); err != nil || fmt.Sprintf("%d %d %s", f.ID, f.Kind, f.Body) != want {
			t.Errorf("%+v, %v; want %s", f, err, want)
		}
	}
	if _, _, err := Read(r, buf, limit); !errors.Is(err, io.EOF) {
		t.Errorf("after the last one: %v", err)
	}
	for cut := 1; cut < Head+3; cut++ {
		if f, _, err := Read(bufio.NewReader(bytes.NewReader(b[:cut])), nil, limit); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes of a frame: %+v, %v", cut, f, err)
		}
	}
	long := Append(nil, 1, 1, text(string(make([]byte, limit))))
	if _, _, err := Read(bufio.NewReader(bytes.NewReader(long)), nil, limit); err != nil {
		t.Errorf("as long as allowed: %v", err)
	}
	if _, _, err := Read(bufio.NewReader(bytes.NewReader(append(Append(nil, 1, 1, text(string(make([]byte, limit+1)))), 0))), nil, limit); !errors.Is(err, ErrMalformed) {
		t.Errorf("longer by one: %v", err)
	}
	if _, _, err := Read(bufio.NewReader(bytes.NewReader(append([]byte{0, 0, 0, Head - 5}, make([]byte, 20)...))), nil, limit); !errors.Is(err, ErrMalformed) {
		t.Errorf("shorter than its head: %v", err)
	}
}

func TestBuffered(t *testing.T) {
	b := Append(nil, 1, 1, text("body"))
	for n := range len(b) + 1 {
		r := bufio.NewReader(io.MultiReader(bytes.NewReader(b[:n]), bytes.NewReader(b[n:])))
		if n > 0 {
			if _, err := r.Peek(n); err != nil {
				t.Fatal(err)
			}
		}
		if got := Buffered(r, limit); got != (n == len(b)) {
			t.Errorf("%d of %d bytes: %t", n, len(b), got)
		}
	}
}

// pair is a stream, which does not write before Run is called, and the other end of its connection.
func pair(t *testing.T, limit int, timeout time.Duration) (*Stream, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	s := NewStream(here, bufio.NewReader(here), limit, timeout)
	t.Cleanup(func() { s.Close(errors.New("over")); there.Close() })
	return s, there
}

// What waits is written in its order, in one call, without what was withdrawn; what was handed to the network cannot be withdrawn any more.
func TestStreamWritesWhatWaits(t *testing.T) {
	s, there := pair(t, 10, time.Minute)
	s.QueueBytes([]byte("hello"))
	var places []Place
	for i := range 5 {
		p, err := s.Queue(uint64(i), 1, text(fmt.Sprint("body", i)))
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, p)
	}
	if !s.Withdraw(places[3]) {
		t.Error("nothing was written yet, and a frame cannot be withdrawn")
	}
	go s.Run()
	all := make([]byte, 1<<10)
	n, err := there.Read(all) // a pipe hands over what one call has written
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(all[len("hello"):n]))
	for _, want := range []uint64{0, 1, 2, 4} {
		f, _, err := Read(r, nil, limit)
		if err != nil || f.ID != want || string(f.Body) != fmt.Sprint("body", want) {
			t.Errorf("%+v, %v; want frame %d", f, err, want)
		}
	}
	if r.Buffered() > 0 {
		t.Errorf("%d bytes follow", r.Buffered())
	}
	if s.Withdraw(places[4]) {
		t.Error("a frame that was written is said to be withdrawn")
	}
	s.Flushed(nil)
	if p, err := s.Queue(9, 1, nil); err != nil || p <= places[4] {
		t.Errorf("the next frame stands at %d after %d, %v", p, places[4], err)
	}
}

// What is held is written when it is released, and when somebody waits for room.
func TestStreamHolds(t *testing.T) {
	s, there := pair(t, 3, time.Minute)
	go s.Run()
	all := make([]byte, 1<<10)
	read := func(want int) {
		t.Helper()
		n, err := there.Read(all)
		if err != nil || n != want*Head {
			t.Errorf("%d bytes, %v; want %d frames", n, err, want)
		}
	}
	s.Release() // of nothing
	s.Hold()
	for i := range 3 {
		if _, err := s.Queue(uint64(i), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-s.wake:
		t.Error("what is held is to be written")
	default:
	}
	s.Release()
	read(3)
	s.Hold()
	for i := range 3 {
		s.QueueInTime(uint64(i), 1, nil)
	}
	waited := make(chan struct{})
	go func() { s.QueueInTime(3, 1, nil); close(waited) }()
	read(3)
	<-waited
	read(1)
}

// A stream takes so many frames and no more, until the other side has taken some; then who waits goes on.
func TestStreamIsBounded(t *testing.T) {
	s, there := pair(t, 2, time.Minute)
	for i := range 2 {
		if _, err := s.Queue(uint64(i), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Queue(2, 1, nil); !errors.Is(err, ErrFull) {
		t.Errorf("a third of two: %v", err)
	}
	waited := make(chan struct{})
	go func() { s.QueueInTime(3, 1, nil); close(waited) }()
	go s.Run()
	r := bufio.NewReader(there)
	for _, want := range []uint64{0, 1, 3} {
		if f, _, err := Read(r, nil, limit); err != nil || f.ID != want {
			t.Errorf("%+v, %v; want frame %d", f, err, want)
		}
	}
	<-waited
}

// Who does not read loses the connection, and nobody waits for it; what was never written can be told from what may have arrived.
func TestStreamOfASlowReader(t *testing.T) {
	s, _ := pair(t, 2, time.Millisecond)
	first, err := s.Queue(1, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	go s.Run()
	<-s.Done()
	var timeout net.Error
	if !errors.As(s.Err(), &timeout) || !timeout.Timeout() {
		t.Errorf("it ended with %v", s.Err())
	}
	if s.Withdraw(first) {
		t.Error("what may have arrived is said to be withdrawn")
	}
	if _, err := s.Queue(2, 1, nil); err == nil {
		t.Error("a closed stream takes a frame")
	}
	s.QueueInTime(3, 1, nil)
	s.Flushed(nil)
}

// What is queued and never written, as the stream is closed before, is known not to have been sent.
func TestStreamClosedBeforeItWrites(t *testing.T) {
	s, _ := pair(t, 1, time.Minute)
	p, err := s.Queue(1, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan struct{})
	go func() { s.QueueInTime(2, 1, nil); close(waited) }()
	s.Close(errors.New("first"))
	s.Close(errors.New("second"))
	<-waited
	if !s.Withdraw(p) || s.Err().Error() != "first" {
		t.Errorf("it ended with %v", s.Err())
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Append(Append(nil, 1, 1, text("body")), 2, withdrawn, nil))
	f.Add([]byte{0, 0, 0, 1, 2})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		var buf, again []byte
		for {
			var fr Frame
			var err error
			if fr, buf, err = Read(r, buf, limit); err != nil {
				break
			}
			again = Append(again, fr.ID, fr.Kind, func(b []byte) []byte { return append(b, fr.Body...) })
		}
		if len(again) > len(b) || !bytes.Contains(b, again) && !bytes.Contains(b, []byte{withdrawn}) {
			t.Fatalf("%x reads back as %x", b, again)
		}
	})
}

// Who reads one frame waits for no second one, though the first counts for nothing.
func TestReadOneOfWhatWasWithdrawn(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	go func() { _, _ = there.Write(Append(nil, 1, withdrawn, text("gone"))) }()
	r := bufio.NewReader(here)
	if err := here.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Peek(1); err != nil || !Buffered(r, limit) {
		t.Fatalf("it has not come as a whole, %v", err)
	}
	if f, _, err := ReadOne(r, nil, limit); err != nil || !f.Withdrawn() || f.ID != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if f := (Frame{Kind: 1}); f.Withdrawn() {
		t.Error("a request is taken for withdrawn")
	}
}

// Drained waits for what waits and for what is being written.
func TestStreamDrains(t *testing.T) {
	s, there := pair(t, 10, time.Minute)
	for i := range 3 {
		if _, err := s.Queue(uint64(i), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.Drained(3 * Head) // so much is there already
	drained := make(chan struct{})
	go func() { s.Drained(3*Head - 1); close(drained) }()
	go s.Run()
	if _, err := io.ReadFull(there, make([]byte, 3*Head-1)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-drained:
		t.Error("it is drained before it was written")
	default:
	}
	if _, err := io.ReadFull(there, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	<-drained
	if _, err := s.Queue(9, 1, nil); err != nil {
		t.Fatal(err)
	}
	go func() { s.Close(errors.New("over")) }()
	s.Drained(0)
}
