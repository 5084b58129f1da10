// Package exec tests any database through a program in any language, which speaks one
// JSON object a line on its standard input and output: one process a session, and one
// that starts and breaks nodes if it can. docs/targets/exec.md describes the protocol
// for people, Schema for machines.
//
// # What is known of an operation
//
// The program's answer decides: ok, fail (it cannot have happened) or info. Where there
// is none that can be read in time (a deadline, a crash, garbage, a line that is too
// long, another id), a write of which a byte was sent is info, and a read had no effect:
// it fails. The process is then ended and another one is another session, so that an
// answer that comes late is never taken for that of another operation.
//
// # Processes
//
// Each process has a supervisor (package local), which kills it and all that it started
// when the harness is gone. Its environment is the harness's; what it says on standard
// error, in errors and in texts is told only without the secrets in there.
package exec
