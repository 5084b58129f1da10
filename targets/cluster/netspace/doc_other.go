//go:build !linux

// Package netspace is networks of Linux network namespaces; there is nothing in
// it where there is no Linux.
package netspace
