//go:build !linux

// Package nft drops packets in a network namespace; there is nothing in it where
// there is no Linux.
package nft
