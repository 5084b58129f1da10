package disk

import (
	"encoding/json"
	"net"
	"sync"
	"time"
)

// talk is the connection to who serves a disk, who answers each request, in their order. Who waits
// for an answer no longer changes nothing of that: the connection's end is the disk's end.
type talk struct {
	conn *net.UnixConn

	mu  sync.Mutex
	out *json.Encoder
	// waiting are those whose answers are still to come, in their order; once it is over none comes.
	waiting []chan answer
	over    bool
}

// newTalk has answers read until the connection is at its end.
func newTalk(conn *net.UnixConn) *talk {
	t := &talk{conn: conn, out: json.NewEncoder(conn)}
	go t.listen()
	return t
}

func (t *talk) listen() {
	in := json.NewDecoder(t.conn)
	for {
		var a answer
		err := in.Decode(&a)
		t.mu.Lock()
		if err != nil || len(t.waiting) == 0 {
			for _, reply := range t.waiting {
				close(reply)
			}
			t.waiting, t.over = nil, true
			t.mu.Unlock()
			_ = t.conn.Close() // nothing more is said
			return
		}
		t.waiting[0] <- a // which has room for it
		t.waiting = t.waiting[1:]
		t.mu.Unlock()
	}
}

// send sends a request. Its answer comes on the channel, which is closed if there is none.
func (t *talk) send(what any) <-chan answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	reply := make(chan answer, 1)
	if t.over {
		close(reply)
		return reply
	}
	t.waiting = append(t.waiting, reply)
	// A request is small, so that one finds no room only if nobody has read for long.
	err := t.conn.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		err = t.out.Encode(what)
	}
	if err != nil {
		_ = t.conn.Close() // whoever waits is told by listen
	}
	return reply
}
