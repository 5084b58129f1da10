// Package externaltest tests lapse as a user has it, the binary, on databases that
// the tests start themselves, outside lapse: what --at and --operator are for. It
// has no code but tests.
package externaltest
