// Package replica is one node's part in the replication of a key: it answers reads from its own
// disk and takes records that are newer than its own.
package replica

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// ErrNotApplied marks an error after which the replica has certainly not applied the record, and never will
// because of this request: it was not reached, or it refused. Any other error leaves that open.
var ErrNotApplied = errors.New("not applied")

// Fence keeps out requests of members that have since changed.
type Fence interface {
	// Enter lets a request of this epoch be served until leave is called, or says why not: with a *StaleError if there is a later epoch.
	// One that only has a record taken asks for no answer from what this node holds.
	Enter(epoch uint64, take bool) (leave func(), err error)
}

// StaleError refuses a request of an epoch that is over; it wraps ErrNotApplied.
type StaleError struct {
	Epoch      uint64 // of the replica; 0 when another node's answer is passed on
	Membership []byte // what the replica knows, for who asked to learn from
}

// Error names the later epoch.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%v: the members have changed, this is epoch %d", ErrNotApplied, e.Epoch)
}

// Unwrap is ErrNotApplied.
func (*StaleError) Unwrap() error { return ErrNotApplied }

// Replica is safe for concurrent use.
type Replica struct {
	fence   Fence
	store   *storage.Store
	clock   *hlc.Clock
	defects *defect.Set
	names   names
}

// New makes a replica over its node's store, clock and defects.
func New(store *storage.Store, clock *hlc.Clock, defects *defect.Set) *Replica {
	return &Replica{store: store, clock: clock, defects: defects}
}

// Guard sets what lets requests in that have an epoch; without one all are. It is called before the first request.
func (r *Replica) Guard(f Fence) { r.fence = f }

// Has reports whether a defect of its node is on.
func (r *Replica) Has(d defect.Defect) bool { return r.defects.Has(d) }

func (r *Replica) enter(epoch uint64, take bool) (leave func(), err error) {
	if r.fence == nil {
		return func() {}, nil
	}
	return r.fence.Enter(epoch, take)
}

// ReadAt is Read for a request of an epoch.
func (r *Replica) ReadAt(epoch uint64, key string) (record.Record, error) {
	leave, err := r.enter(epoch, false)
	if err != nil {
		return record.Record{}, err
	}
	defer leave()
	return r.Read(key)
}

// VersionAt is Version for a request of an epoch.
func (r *Replica) VersionAt(epoch uint64, key string) (record.Version, error) {
	leave, err := r.enter(epoch, false)
	if err != nil {
		return record.Version{}, err
	}
	defer leave()
	return r.Version(key)
}

// Answer is what became of a request of a replica.
type Answer struct {
	Node   string        // whose replica was asked
	Record record.Record // of a read; of one for the version that alone
	Err    error
}

// KnownAt is ReadAt where the answer is known without the disk and without waiting for a write; known says whether it is, or there is an error.
func (r *Replica) KnownAt(epoch uint64, key string) (rec record.Record, known bool, err error) {
	leave, err := r.enter(epoch, false)
	if err != nil {
		return record.Record{}, true, err
	}
	defer leave()
	if r.defects.Has(defect.TenantForgottenInReplicaRead) {
		return record.Record{}, false, nil
	}
	rec, known = r.store.Cached(key)
	return rec, known, nil
}

// ApplyAt is Apply for a request of an epoch.
func (r *Replica) ApplyAt(epoch uint64, key string, rec record.Record) error {
	done := make(chan error, 1)
	r.ApplyLaterAt(epoch, key, rec, func(err error) { done <- err })
	return <-done
}

// ApplyLaterAt is ApplyAt that calls done, once and perhaps before it returns, in place of returning. Done must not wait for anything.
func (r *Replica) ApplyLaterAt(epoch uint64, key string, rec record.Record, done func(error)) {
	leave, err := r.enter(epoch, true)
	if err != nil {
		done(err)
		return
	}
	r.store.ApplyLater(key, rec, r.apply(key, rec), func(_ bool, err error) {
		leave()
		done(err)
	})
}

// Read returns the durable record of key; the zero Record when there is none.
func (r *Replica) Read(key string) (record.Record, error) {
	if r.defects.Has(defect.TenantForgottenInReplicaRead) {
		key = r.names.find(key)
	}
	return r.store.Get(key)
}

// Version returns the version of what Read would return.
func (r *Replica) Version(key string) (record.Version, error) { return r.store.Version(key) }

// Apply returns when the replica durably holds rec or something larger.
func (r *Replica) Apply(key string, rec record.Record) error {
	_, err := r.store.Apply(key, rec, r.apply(key, rec))
	return err
}

// apply is how the store takes a record, of which this takes note.
func (r *Replica) apply(key string, rec record.Record) storage.How {
	r.clock.Observe(rec.Version.Time)
	if r.defects.Has(defect.TenantForgottenInReplicaRead) {
		r.names.applied(key)
	}
	switch {
	case r.defects.Has(defect.IgnoreNewerTimestamps):
		return storage.Always
	case rec.Tombstone && r.defects.Has(defect.ForgetTombstones):
		return storage.Erase
	}
	return storage.Newest
}
