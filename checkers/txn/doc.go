// Package txn decides the isolation levels of transactional histories over
// registers (read, write, compare-and-set, delete) and append-only lists
// (append, read-list), from read uncommitted to strict serializable, and names
// the anomalies of what it refutes.
//
// # Relations
//
// Over the committed transactions: wr (T2 read what T1 wrote), ww (T2 installed
// the version of a key after T1's), rw (T2 installed the version after the one
// that T1 read), so (session order), rt (T1 completed before T2 was invoked).
// The initial versions are installed before everything. An indeterminate (info)
// transaction counts as committed exactly when something of it was read by one
// that counts, because leaving out an unread transaction never makes a history
// illegal; it has no so or rt successors, because it may have taken effect late.
//
// # Levels
//
// The order base of a level is none for the plain names, so for "strong-session"
// ones and rt for "strong" ones (strict serializable for serializability). The
// four levels of Biswas and Enea (OOPSLA 2019) have so in their plain form.
// A level holds if the version orders that were not observed can be chosen so
// that:
//
//	read-uncommitted             base+ww is acyclic (Adya's PL-1)
//	read-committed               base+ww+wr is acyclic, no G1a, no G1b (Adya's PL-2)
//	read-committed-biswas-enea   reads inside a transaction are monotonic too
//	read-atomic                  T2 (base+wr) T3 and T3 reads x of T1, T2 writes x: T2 before T1
//	transactional-causal         the same for T2 (base+wr)+ T3
//	prefix                       ((base+wr);rw?)+ww is acyclic
//	parallel-snapshot-isolation  (base+ww+wr)+;rw? is irreflexive
//	snapshot-isolation           (base+ww+wr);rw? is acyclic
//	repeatable-read              base+ww+wr+rw of items is acyclic (Adya's PL-2.99)
//	serializable                 base+ww+wr+rw is acyclic
//
// From read-committed-biswas-enea upwards reads must also agree with the
// transaction's own earlier reads and writes.
//
// # Methods
//
// Lists show their version order (Kingsbury and Alvaro, Elle, VLDB 2020).
// Unobserved appends come last. Weak levels follow AWDIT (Møldrup and
// Pavlogiannis, PLDI 2025), with the initial versions ordered first. Strong
// levels are searches for strongly connected components in a product of the
// graph with a small automaton, linear in the edges and complete for a known
// version order. Where version orders stay open, forced edges refute, a guessed
// order that fits proves, and a bounded search decides the rest or says that it
// could not. Where reads do not name their writes, because a value was written
// several times or a key was deleted, the same is done for what was read.
//
// # Packages
//
// This package knows the levels and asks for verdicts on them. internal/ir is the representation of a history, and nothing
// else writes to it; internal/dsg turns it into a graph of dependencies and
// internal/graph searches graphs; internal/weak derives the axioms of the weak levels;
// internal/order looks for version orders that were not observed; internal/decide
// decides a level by means of these; internal/explain
// verifies and tells cycles; internal/readings says what a read may have seen that does
// not name its write, and searches what they may have seen together; internal/facts refutes witnesses that are no cycles.
package txn
