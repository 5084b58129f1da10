package peer

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/frame"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

func localReplica(t *testing.T, defects *defect.Set) *replica.Replica {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: "data", Node: "n1", Ring: "ring", Fsync: true, FS: vfs.NewMem(), Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return replica.New(store, hlc.NewClock(nil, 0), defects)
}

// shut lets nobody in, and says so at once.
type shut struct{}

func (shut) Enter(uint64, bool) (func(), error) { return nil, replica.ErrNotApplied }

// An answer to an apply for which there is no room just then, because answers to reads have filled the queue, waits for it, and is no end of the connection.
func TestAnswersOfAppliesWaitForRoom(t *testing.T) {
	local := localReplica(t, &defect.Set{})
	local.Guard(shut{})
	here, there := net.Pipe()
	defer there.Close()
	st := frame.NewStream(here, bufio.NewReader(here), 1, time.Minute)
	defer st.Close(net.ErrClosed)
	c := &session{s: NewServer(Identity{}, local, 10, time.Minute, discard), Stream: st, ctx: t.Context()}
	if _, err := st.Queue(1, byte(statusOK), func(b []byte) []byte { return b }); err != nil {
		t.Fatal(err)
	}
	c.apply(2, 1, "k", someRecord())
	if len(c.s.slots) != 1 {
		t.Errorf("%d slots are taken while an answer waits", len(c.s.slots))
	}
	go st.Run()
	in := bufio.NewReader(there)
	for i, want := range []status{statusOK, statusNotApplied} {
		f, _, err := frame.Read(in, nil, MaxMessage)
		if err != nil || f.ID != uint64(i+1) || status(f.Kind) != want {
			t.Fatalf("answer %d: %+v, %v", i+1, f, err)
		}
	}
	c.requests.Wait()
	if len(c.s.slots) != 0 {
		t.Error("a slot was not given back")
	}
}

// A node asks itself what it asks others: the version of a key is not that of what a read finds instead, with a defect of reads alone.
func TestANodeAsksItselfForAVersion(t *testing.T) {
	var defects defect.Set
	if err := defects.Replace([]string{"tenant-forgotten-in-replica-read"}); err != nil {
		t.Fatal(err)
	}
	local := localReplica(t, &defects)
	mine, theirs := tenant.Scope("a", "k"), tenant.Scope("b", "k")
	for i, key := range []string{mine, theirs} {
		if err := local.Apply(key, record.Record{Version: record.Version{Time: hlc.Timestamp(i + 1), Node: "n1"}}); err != nil {
			t.Fatal(err)
		}
	}
	m := NewMesh("n1", local, nil)
	to := make(chan replica.Answer, 1)
	m.Version(t.Context(), "n1", 1, mine, time.Minute, to)
	if a := <-to; a.Err != nil || a.Record.Version.Time != 1 {
		t.Errorf("the version is %+v", a)
	}
	m.Read(t.Context(), "n1", 1, mine, time.Minute, to)
	if a := <-to; a.Err != nil || a.Record.Version.Time != 2 {
		t.Errorf("with the defect a read has %+v", a)
	}
}
