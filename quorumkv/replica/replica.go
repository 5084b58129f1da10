// Package replica is one node's part in the replication of a key: it answers reads from its own
// disk and takes records that are newer than its own.
package replica

import (
	"errors"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// ErrNotApplied marks an error after which the replica has certainly not applied the record, and never will
// because of this request: it was not reached, or it refused. Any other error leaves that open.
var ErrNotApplied = errors.New("not applied")

// Replica is safe for concurrent use.
type Replica struct {
	store   *storage.Store
	clock   *hlc.Clock
	defects *defect.Set
	names   names
}

// New makes a replica over its node's store, clock and defects.
func New(store *storage.Store, clock *hlc.Clock, defects *defect.Set) *Replica {
	return &Replica{store: store, clock: clock, defects: defects}
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
	r.clock.Observe(rec.Version.Time)
	if r.defects.Has(defect.TenantForgottenInReplicaRead) {
		r.names.applied(key)
	}
	how := storage.Newest
	switch {
	case r.defects.Has(defect.IgnoreNewerTimestamps):
		how = storage.Always
	case rec.Tombstone && r.defects.Has(defect.ForgetTombstones):
		how = storage.Erase
	}
	_, err := r.store.Apply(key, rec, how)
	return err
}
