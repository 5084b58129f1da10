// Package lapsetest makes a consistency test an ordinary Go test:
//
//	func TestOrders(t *testing.T) {
//		lapsetest.Run(t, lapsetest.Suite{File: "suite.yaml", Targets: []targets.Target{mine{}}})
//	}
//
// The suite file is that of `lapse run`: see docs/suites.md. Every run of its
// matrices becomes a subtest; a claim that does not hold fails it, with the
// operations that prove it. A database is a targets.Target in Suite.Targets, whose name
// the suite file has as kind: docs/own-database.md goes through the one in the package
// ministore.
//
// # Where nodes run
//
// Where Linux namespaces can be had, each node is in one of its own. Run sees to
// that by itself: it starts the test binary once more, for this one test, in a
// sandbox (see package sandbox), in which there is no other network. A TestMain is
// not needed; one that there is runs in the sandbox too. Where there are no
// namespaces, or with Provider "local", nodes are processes on loopback and the
// test stays where it is.
//
// A process of a binary that imports this package takes the role that Run gives it
// (the test in the sandbox) before TestMain is reached.
package lapsetest
