//go:build !linux

// Package proc acts on all processes of a node at once; there is nothing in it
// where there is no Linux.
package proc
