// Package postgres tests PostgreSQL: one primary and its standbys in streaming
// replication, each on a node of its own, driven over pgx.
//
// Write levels are the values of synchronous_commit, set for each session; which
// standbys a commit waits for is the option sync (synchronous_standby_names).
// Read levels say which node is asked: the primary, a replica, or any; and the
// two known cures for reading one's own writes on replicas: sticky (the primary
// for a time after one's own write) and wait-for-lsn (a replica, once it has
// replayed one's own last commit).
//
// A session has connections of its own, at most one to a node, opened when first
// needed. Nothing is retried, no statement is cached, and no cancel request is
// sent when a deadline has passed: a commit that waits for a standby goes on
// waiting, as it does for a client that has vanished.
//
// The software is PostgreSQL's own: fetched once a user (Fetch), or installed
// (options software and bindir). What is promised at each pair of levels, what
// failover means here and how errors are classified is in
// docs/targets/postgres.md.
package postgres
