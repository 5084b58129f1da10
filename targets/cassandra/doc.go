// Package cassandra tests Apache Cassandra: one node process on each node, in one
// data centre or two, driven over the native protocol with gocql.
//
// Levels are Cassandra's own, spelled as it spells them. At the write level
// SERIAL or LOCAL_SERIAL every write is a lightweight transaction; a
// compare-and-set is one at any level.
//
// A session has connections of its own: to its home, or, when it roams, one to
// each node that it has asked. Nothing is retried, nothing is executed
// speculatively by the driver, a node is never chosen by token, and a lost
// connection is not made again behind the session's back. Statements are prepared
// before the operation that needs them first, so that what fails there was
// certainly not executed.
//
// The software is fetched by Maven (Fetch). What is promised at which pair of
// levels (Promises), what the options change, how errors are classified and what
// was measured is in docs/targets/cassandra.md.
package cassandra
