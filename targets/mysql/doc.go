// Package mysql tests what speaks MySQL's protocol, with MariaDB as the server that it
// starts, in two topologies:
//
//   - replication: one primary and its replicas by GTID, asynchronous or
//     semi-synchronous, with or without a failover manager that promotes a replica when the
//     primary is gone.
//   - galera: a Galera cluster, in which every node takes writes and a transaction is
//     certified by all nodes when it commits.
//
// # Sessions
//
// A session has at most one connection to a node, made by the driver itself and not by
// database/sql, whose pool reconnects and sends statements again. A connection that was
// lost is not made again. Statements have their values filled in by the driver: one
// round trip each.
//
// # Outcomes
//
// Errors are judged by their numbers (classify.go). After some of them, such as 1213
// and 1020, the server has rolled the whole transaction back and would carry out what
// follows in autocommit ("InnoDB Error Handling"): here a transaction ends at its first
// error. What is promised at each pair of levels is in docs/targets/mysql.md.
package mysql
