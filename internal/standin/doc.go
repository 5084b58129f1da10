// Package standin builds images that stand in for the official ones where none can
// be pulled: a Debian base that debootstrap makes, and on it the software that lapse
// fetches, behind the same contract as the official images have: environment,
// ports, volumes, users, working directory, entry point and signals. It is for
// tests, and no substitute where the official images are to be had.
//
// The base takes debootstrap, and that root. What was built stays at the engine,
// under names that begin with lapse-standin/ and end with a fingerprint of how they
// were made, so that it is built once.
package standin
