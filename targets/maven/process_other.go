//go:build !unix

package maven

import (
	"context"
	"errors"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}

// LockFile cannot be had here.
func LockFile(context.Context, string) (func(), error) {
	return nil, errors.New("this system has no file locks that lapse knows")
}
