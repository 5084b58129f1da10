package peer

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// heldDisk has syncs of logs wait while it is locked.
type heldDisk struct{ sync.RWMutex }

func (*heldDisk) String() string { return "held" }

func (d *heldDisk) MaybeError(op errorfs.Op) error {
	if (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) && strings.HasSuffix(op.Path, ".log") {
		d.RLock()
		defer d.RUnlock()
	}
	return nil
}

// A read that overtakes a write which is being synced has the answer to itself, but with the defect answers-in-order: then it has that to the write, and the write
// that to the read.
func TestAReadOvertakesAWrite(t *testing.T) {
	for _, c := range []struct {
		defects []string
		numbers [2]uint64 // of the answers in the order in which they come
	}{{nil, [2]uint64{2, 1}}, {[]string{defect.AnswersInOrder.String()}, [2]uint64{1, 2}}} {
		var defects defect.Set
		if err := defects.Replace(c.defects); err != nil {
			t.Fatal(err)
		}
		var disk heldDisk
		store, err := storage.Open(storage.Options{Dir: "data", Node: "n1", Ring: "ring", Fsync: true, FS: errorfs.Wrap(vfs.NewMem(), &disk), Logger: discard})
		if err != nil {
			t.Fatal(err)
		}
		local := replica.New(store, hlc.NewClock(nil, 0), &defects)
		if err := local.Apply("known", someRecord()); err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		st := frame.NewStream(here, bufio.NewReader(here), 8, time.Minute)
		go st.Run()
		s := &session{s: NewServer(Identity{}, local, 10, time.Minute, discard), Stream: st, ctx: t.Context()}
		ask := func(id uint64, r request) {
			if err := s.take(frame.Frame{ID: id, Kind: byte(r.op), Body: r.appendTo(nil)}); err != nil {
				t.Error(err)
			}
		}
		disk.Lock()
		ask(1, request{opApply, 0, "k", someRecord()})
		ask(2, request{op: opRead, key: "known"})
		in := bufio.NewReader(there)
		for i, id := range c.numbers {
			f, _, err := frame.Read(in, nil, MaxMessage)
			if err != nil || f.ID != id || (len(f.Body) > 0) != (i == 0) { // an apply is answered by nothing but that it was done
				t.Errorf("with the defects %q answer %d is %+v, %v", c.defects, i, f, err)
			}
			if i == 0 {
				disk.Unlock()
			}
		}
		s.requests.Wait()
		st.Close(net.ErrClosed)
		there.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A number is a request's own once no request that came with the defect waits any more.
func TestNumbersAfterTheDefect(t *testing.T) {
	var o order
	o.asked(1)
	o.asked(2)
	for i, c := range []struct{ own, want uint64 }{{2, 1}, {3, 2}, {3, 3}, {1, 1}} {
		if got := o.due(c.own); got != c.want {
			t.Errorf("answer %d, to %d, has the number %d, want %d", i, c.own, got, c.want)
		}
	}
}
