//go:build !linux

package inpod

import (
	"context"
	"errors"
	"io"
)

// Serve is for pods, which run Linux.
func Serve(context.Context, string, io.Reader, io.Writer) error {
	return errors.New("pods run Linux")
}
