// Package mongodb tests MongoDB, driven over its official driver: a replica set, the
// mongos of a sharded cluster, or a standalone server, at --at. Nothing that is
// MongoDB can be fetched, so that in a sandbox mongo-java-server stands in for it: a
// server in Java that speaks the wire protocol and keeps one copy in memory. It tries
// the client and says nothing about MongoDB; no promise is claimed for it.
//
// A read level is a read concern, with a read preference after a colon where that is
// not primary: majority, local:secondary. A write level is the w of a write concern,
// with :j where the journal is asked for: majority, 1, 2:j.
//
// Every session has one connection with each node that it asks, made directly; the
// driver discovers nothing, and sends nothing twice unless --set retry=on. Whether an
// operation was sent is known from the driver's own events: see link.
//
// What is promised, how errors are classified, and what was run is in
// docs/targets/mongodb.md.
package mongodb
