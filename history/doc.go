// Package history holds what happened in a run: the operations that clients
// invoked, what they saw, and the fault windows, all stamped by one monotonic
// clock.
//
// The words are the field's own. An operation is invoked and ends ok (it must
// have happened), fail (it must not have happened) or info (it may have
// happened at any time after its invocation, even after the run). Every
// operation is a transaction of micro-operations; a plain read or write is a
// transaction of one. A process is strictly sequential and gets a new number
// after an info outcome; a session is what a session guarantee is about: one
// client's connection with whatever token or stickiness it carries.
//
// The package imports nothing else of lapse, so that every other room can
// stand on it.
package history
