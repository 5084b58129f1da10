package consensus

import (
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/lapse-test/lapse/quorumkv/defect"
)

// maxBatches bounds the confirmations of leadership that are under way at once. Reads that come meanwhile share the next one; while one is lost, another goes on.
const maxBatches = 2

// readRequest is a read that must not miss what was acknowledged before it began.
type readRequest struct {
	key   string
	lease bool            // a lease will do
	ready chan struct{}   // closed when the machine has all that the read must see
	gone  <-chan struct{} // closed when nobody waits any more
	tried bool            // of the loop: a lease was asked for and there was none
	need  uint64          // of the loop: the position that the machine must have reached
	asked time.Time       // of the loop: when the leader was asked to be confirmed; zero for a read by lease
}

// batch is reads that wait for one answer: of a majority that this is still the leader, or of the leader about its lease.
type batch struct {
	reads []*readRequest
	since time.Time
	lease bool
	name  string
}

// reads are those that wait: for a batch, for its answer, for the machine.
type reads struct {
	queue   []*readRequest
	batches map[string]*batch
	applies []*readRequest
	last    uint64
	fresh   time.Time // the machine has all that was acknowledged before; zero when that is not known of any moment
}

func newReads() reads { return reads{batches: map[string]*batch{}} }

// restart makes all batches be asked for again.
func (r *reads) restart() {
	for name, b := range r.batches {
		r.queue = append(r.queue, b.reads...)
		delete(r.batches, name)
	}
}

// dropGone forgets the queued reads that nobody waits for any more; all others are forgotten when they are answered.
func (r *reads) dropGone() {
	r.queue = slices.DeleteFunc(r.queue, func(q *readRequest) bool {
		select {
		case <-q.gone:
			return true
		default:
			return false
		}
	})
}

// batchName is unique among all nodes and all their lives, because a leader tells batches apart by it.
func (l *loop) batchName() []byte {
	l.reads.last++
	b := binary.BigEndian.AppendUint64(nil, l.e.self.ID)
	b = binary.BigEndian.AppendUint64(b, l.e.life)
	return binary.BigEndian.AppendUint64(b, l.reads.last)
}

// startReads asks for what the queued reads need.
func (l *loop) startReads() {
	held := len(l.reads.queue) > 0 && l.leaseHeld()
	full := len(l.reads.batches) >= maxBatches
	if len(l.reads.queue) == 0 || !held && (l.status.Leader == "" || full) || l.unsure() {
		return
	}
	var leases, others []*readRequest
	left := l.reads.queue[:0]
	for _, r := range l.reads.queue {
		byLease := r.lease && !r.tried
		switch {
		case byLease && held:
			l.need(r, l.raw.BasicStatus().GetCommit())
		case full:
			left = append(left, r)
		case byLease && !l.status.Leading:
			leases = append(leases, r)
		default:
			others = append(others, r)
		}
	}
	clear(l.reads.queue[len(left):])
	l.reads.queue = left
	if len(leases) > 0 {
		l.askLease(leases)
	}
	if len(others) > 0 {
		l.readIndex(others)
	}
	l.releaseReads()
}

// unsure tells that more may be committed than this leader knows of, as after its restart: until it has committed an entry of its own term. The library has reads
// wait for that, but for those of a leader that is the only voter, which it answers at once.
func (l *loop) unsure() bool {
	is, now := l.raw.BasicStatus(), l.machine.now()
	if is.RaftState != raft.StateLeader || len(now.Voters) != 1 || now.joint() {
		return false
	}
	term, err := l.log.Term(is.GetCommit())
	return err != nil || term != is.GetTerm()
}

// readIndex has a majority confirm the leader, and learns what was committed before.
func (l *loop) readIndex(rs []*readRequest) {
	name := l.batchName()
	l.reads.batches[string(name)] = &batch{reads: rs, since: time.Now(), name: string(name)}
	if l.status.Leading {
		l.lease.asked(string(name), l.clock())
	}
	l.raw.ReadIndex(name)
}

// confirmed takes the answer to a batch.
func (l *loop) confirmed(s raft.ReadState) {
	name := string(s.RequestCtx)
	l.lease.confirmed(name, l.leaseTime())
	b, ok := l.reads.batches[name]
	if !ok {
		return
	}
	delete(l.reads.batches, name)
	for i, r := range b.reads {
		if l.has(defect.MixedUpAnswers) {
			b.reads[i].key, b.reads[(i+1)%len(b.reads)].key = b.reads[(i+1)%len(b.reads)].key, b.reads[i].key
		}
		r.asked = b.since
		l.need(r, s.Index)
	}
}

// need lets a read go once the machine has reached index.
func (l *loop) need(r *readRequest, index uint64) {
	r.need = index
	if l.has(defect.ReadBeforeApply) {
		r.need = 0
	}
	l.reads.applies = append(l.reads.applies, r)
}

func (l *loop) releaseReads() {
	left := l.reads.applies[:0]
	for _, r := range l.reads.applies {
		if l.machine.applied >= r.need {
			if r.asked.After(l.reads.fresh) {
				l.reads.fresh = r.asked
			}
			close(r.ready)
			continue
		}
		left = append(left, r)
	}
	l.reads.applies = left
}

// retryReads asks again where an answer may have been lost.
func (l *loop) retryReads() {
	for name, b := range l.reads.batches {
		if time.Since(b.since) > l.e.election()/2 {
			delete(l.reads.batches, name)
			for _, r := range b.reads {
				r.tried = r.tried || b.lease
			}
			l.reads.queue = append(l.reads.queue, b.reads...)
		}
	}
}
