// Package integration holds the tests of package nemesis against real
// processes, connections and packet filters; it is a folder of its own so that
// the tests of the logic run on every system.
package integration
