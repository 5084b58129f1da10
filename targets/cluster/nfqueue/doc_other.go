//go:build !linux

// Package nfqueue holds packets back in user space; there is nothing in it where there is
// no Linux.
package nfqueue
