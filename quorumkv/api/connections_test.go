package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/protocol/compact"
)

// overPipe is a client's connection and the client's end of it.
func overPipe(t *testing.T) (*connection, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	s := frame.NewStream(here, bufio.NewReader(here), 10, time.Minute)
	go s.Run()
	t.Cleanup(func() { s.Close(errors.New("over")); there.Close() })
	return &connection{Stream: s, running: map[uint64]context.CancelFunc{}}, there
}

// A request that was withdrawn is a frame like others: no time for the rest of a frame runs on when it has come, in one piece or in several.
func TestWithdrawnRequestsEndNothing(t *testing.T) {
	var b bytes.Buffer
	here, there := net.Pipe()
	client := frame.NewStream(here, nil, 10, time.Minute)
	at, err := client.Queue(1, byte(compact.Put), func(b []byte) []byte { return append(b, "body"...) })
	if err != nil || !client.Withdraw(at) {
		t.Fatalf("it was not withdrawn: %v", err)
	}
	go client.Run()
	if _, err := io.CopyN(&b, there, frame.Head+4); err != nil {
		t.Fatal(err)
	}
	client.Close(errors.New("over"))
	there.Close()
	for _, cut := range []int{b.Len(), 1, frame.Head, frame.Head + 1} {
		c, there := overPipe(t)
		go func() {
			_, _ = there.Write(b.Bytes()[:cut])
			_, _ = there.Write(b.Bytes()[cut:])
			there.Close()
		}()
		if f, _, err := c.next(nil); err != nil || !f.Withdrawn() {
			t.Errorf("cut at %d: %+v, %v", cut, f, err)
		}
	}
}

// From a client that leaves its answers unread nothing more is read, until it takes them.
func TestAClientThatDoesNotRead(t *testing.T) {
	c, there := overPipe(t)
	c.QueueBytes(make([]byte, unread+1))
	served := make(chan error, 1)
	go func() { served <- c.serve() }()
	request := frame.Append(nil, 1, byte(compact.Cancel), nil)
	if err := there.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := there.Write(request); err == nil || n > 0 {
		t.Errorf("%d bytes of a request were read, %v", n, err)
	}
	if err := there.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, there, unread+1); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Write(request); err != nil {
		t.Errorf("when all was read: %v", err)
	}
	there.Close()
	if err := <-served; err == nil {
		t.Error("it ended without a reason")
	}
}
