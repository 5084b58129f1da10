// Package wallclock is what databases have in common whose nodes read a wall clock that
// can be moved: how far off it is by the server's own answer, and libfaketime, which
// stands before the C library's clocks, for servers that have no other way.
package wallclock
