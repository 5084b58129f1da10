// Package nats tests NATS JetStream by its key-value buckets: one bucket, a stream with
// a replica on each node that Raft replicates, and keys that are subjects (NATS
// documentation, "JetStream model deep dive" and "Key/Value Store"; ADR-8 and ADR-31
// for what is said on the wire).
//
// # Levels
//
// A write is acknowledged when a majority has it (puback). Reads go to the stream's
// leader (leader) or are answered by any replica (direct, which clients use by
// default where the bucket allows it).
//
// # Retries
//
// nats.go publishes again when nobody answers, and reconnects. A session here has one
// connection with one node that is not made again, and sends what JetStream's
// documentation says by plain requests, so that nothing is sent twice.
//
// # Outcomes
//
// "No responders" (nobody listened, so nobody got it), a wrong last sequence and a
// stream that there is not are fail: the server says so instead of doing anything.
// Whatever else happens to a write that was sent is info.
package nats
