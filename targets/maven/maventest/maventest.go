// Package maventest lets a target's tests run real software that Maven fetched,
// as whoever runs the tests and as an ordinary user.
package maventest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/maven"
)

// Cache has a software in the user's cache and, for the time of the tests, a copy
// of it that any user can read.
type Cache struct {
	// Env is the variable that names the copy, for the test binaries that are
	// started from this one.
	Env string
	// Software is what is in it.
	Software maven.Software
}

// fetchTimeout is generous for a slow mirror; a stalled download ends by itself
// long before.
const fetchTimeout = 10 * time.Minute

func (c Cache) owner() string { return c.Env + "_OWNER" }

// Prepare fetches, unless it is there, and copies. It is for sandboxtest.Main: it
// must run where the network is.
func (c Cache) Prepare() error {
	if os.Getenv(c.Env) != "" {
		return nil // this binary was started by another one that did it
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("looking for the user's cache: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	from := maven.NewStore(c.Software, filepath.Join(user, "lapse"), func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err := from.Fetch(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lapse-cache-")
	if err != nil {
		return err
	}
	return errors.Join(
		os.Setenv(c.Env, dir),
		os.Setenv(c.owner(), strconv.Itoa(os.Getpid())),
		os.Chmod(dir, 0o755),
		copyFiles(from.Dir(), maven.NewStore(c.Software, dir, nil).Dir()),
	)
}

// Dir is the copy.
func (c Cache) Dir() string { return os.Getenv(c.Env) }

// Remove removes the copy, if this process made it and is not in the sandbox, in
// which the tests still use it.
func (c Cache) Remove() {
	if !sandbox.Inside() && os.Getenv(c.owner()) == strconv.Itoa(os.Getpid()) {
		_ = os.RemoveAll(c.Dir())
	}
}

func copyFiles(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return fmt.Errorf("copying %s: %w", e.Name(), err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
