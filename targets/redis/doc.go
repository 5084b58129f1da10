// Package redis tests Redis and Valkey, in two topologies: one primary with replicas,
// and a cluster that spreads its hash slots over several primaries, each with a
// replica that takes over when its primary is not heard of. Both replicate
// asynchronously: a primary answers before any replica has a write (Redis
// documentation, "Replication" and "Redis cluster specification: write safety").
//
// # Levels
//
// A write is acknowledged by the primary alone (none), or counts as acknowledged only
// when the command WAIT said that so many replicas have it (wait:1, wait:2, ...). A
// write whose WAIT said fewer is info: the primary has it, and nothing takes it back.
// Reads go to the primary, to a replica, or, at any, to the node that the session
// asks.
//
// # Retries
//
// go-redis sends commands again by default, writes too: an INCR to a server that does
// not answer for a while can add 2, and a SETNX can be told that its own first sending
// holds the key. A session here has one connection a node, made by itself, with
// retries, redirects and maintenance notifications off.
//
// # Outcomes
//
// What the server answers instead of doing anything is fail: MOVED, ASK, CLUSTERDOWN,
// CROSSSLOT, READONLY, LOADING, MASTERDOWN, NOREPLICAS, TRYAGAIN, OOM and the like.
// Whatever happens to the connection after a byte was sent is info.
package redis
