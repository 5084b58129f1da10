package software

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lapse-test/lapse/targets/cluster"
)

// cached is a directory of programs in the user's cache. Its name changes with what
// pins it, so that two versions of lapse share a cache; it is made beside its place
// and renamed, so that half of one never counts.
type cached struct {
	title, target string
	// pins are the bytes that say what is in it.
	pins [][]byte
	// programs are what must be in it.
	programs []string
}

func (c cached) dir(cache string) string {
	h := sha256.New()
	for _, p := range c.pins {
		fmt.Fprintln(h, len(p))
		h.Write(p)
	}
	return filepath.Join(cache, c.target, "programs-"+hex.EncodeToString(h.Sum(nil))[:16])
}

// find looks for the programs.
func (c cached) find(cache string) (Programs, error) {
	p := Programs{Paths: map[string]string{}}
	for _, name := range c.programs {
		path := filepath.Join(c.dir(cache), name)
		if !executable(path) {
			return p, missing(c.title, fmt.Errorf("%w %s", cluster.ErrNotFetched, filepath.Join(cache, c.target)), fmt.Sprintf("run 'lapse fetch %s' with the network up", c.target))
		}
		p.Paths[name] = path
	}
	return p, nil
}

// fetch has fill put the programs into a directory, unless they are there. Two
// processes that do so at once both do the work, and one of them wins.
func (c cached) fetch(ctx context.Context, cache string, fill func(ctx context.Context, dir string) error) error {
	if _, err := c.find(cache); err == nil {
		return nil
	}
	wrong := func(err error) error {
		return &cluster.EnvironmentError{Doing: "making room for " + c.title, Err: err, Way: "name a directory that can be written to with --cache"}
	}
	place := c.dir(cache)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return wrong(err)
	}
	staging, err := os.MkdirTemp(filepath.Dir(place), "staging-")
	if err != nil {
		return wrong(err)
	}
	defer func() { _ = os.RemoveAll(staging) }()
	if err := os.Chmod(staging, 0o755); err != nil {
		return wrong(err)
	}
	if err := fill(ctx, staging); err != nil {
		return err
	}
	for _, name := range c.programs {
		if !executable(filepath.Join(staging, name)) {
			return &cluster.EnvironmentError{Doing: "fetching " + c.title, Err: fmt.Errorf("there is no program %s in it", name)}
		}
	}
	if err := os.Rename(staging, place); err != nil {
		if _, found := c.find(cache); found == nil {
			return nil // another process was quicker
		}
		// What is there is not whole.
		if err = errors.Join(os.RemoveAll(place), os.Rename(staging, place)); err != nil {
			return wrong(err)
		}
	}
	return nil
}
