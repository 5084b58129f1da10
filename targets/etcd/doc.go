// Package etcd tests etcd: a key-value store whose members agree on one log by Raft, so
// that all changes of all keys have one order, the revisions.
//
// # Levels
//
// A read is linearizable, which is etcd's default (the member asks the leader how far
// it must have come), or serializable: answered by the member that is asked, from what
// it has (etcd's documentation, "KV API guarantees"). Writes have one level: the
// member answers when it has applied what a majority has in its log.
//
// # Revisions
//
// The version of a value that was read is the revision of the key's last change, that
// of a write the revision at which it was made. A compare-and-set, and every
// transaction that reads and writes, reads at one revision, and is then one transaction
// of etcd's that writes only if no key that it read has another one.
//
// # Retries
//
// Each session has a client of its own for each node that it asks, with that node as
// the only endpoint, one connection and no retries: the interceptors of etcd's client,
// which repeat reads, are replaced by some that repeat nothing.
//
// # Outcomes
//
// What the server answers instead of proposing or applying a request is fail; a request
// that timed out, or met a change of the leader or the end of the server, is info: it
// is in the log, or may be.
package etcd
