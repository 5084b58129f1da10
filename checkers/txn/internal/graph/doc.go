// Package graph finds what an isolation level forbids in a graph of dependencies
// between transactions: edges with kinds, a small automaton that says how a level
// follows them, strongly connected components of the product of both, and short
// cycles in those. It knows neither histories nor levels.
//
// Searches take their memory from a guard's budget and stop with its error. Graphs
// and automata do not change once made, and may be read by several goroutines.
package graph
