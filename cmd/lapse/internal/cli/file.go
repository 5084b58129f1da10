package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lapse-test/lapse/targets"
)

// WriteWhole has a file written beside path and renames it, so that a reader never
// sees half of it, what was there stays and nothing is left when that fails. What is no
// file, as /dev/stdout or a pipe, is written as it is. A place where nothing can be
// written is an error of the user's input.
func WriteWhole(path string, write func(io.Writer) error) error {
	if path == "" {
		return targets.Usagef("the file to write has an empty name; name it")
	}
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return writeThrough(path, write)
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // the link stays
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		return targets.Usagef("nothing can be written to %s (%v); name another file", filepath.Dir(path), errors.Unwrap(err))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	err = write(tmp)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func writeThrough(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return targets.Usagef("%s is no file, and cannot be written: %v", path, err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// WriteText is WriteWhole of a text.
func WriteText(path string, text []byte) error {
	return WriteWhole(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
