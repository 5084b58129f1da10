//go:build acceptance

package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lapse-test/lapse/targets"
)

// builtAt names the cache with the versions that are built, for the test binary that
// is started again inside the sandbox.
const builtAt = "LAPSE_TEST_ETCD_CACHE"

// Built is the cache with the versions that are built.
func Built() string { return os.Getenv(builtAt) }

func init() { prepare = append(prepare, build) }

func build() error {
	dir, err := os.MkdirTemp("", "lapse-etcd-")
	if err != nil {
		return err
	}
	tidy = func() { _ = os.RemoveAll(dir) } // below the directory for temporary files
	errs := []error{os.Setenv(builtAt, dir), os.Chmod(dir, 0o755)}
	for _, r := range releases {
		if r.built {
			errs = append(errs, Target{}.Fetch(context.Background(), targets.Config{
				Cache: dir, Options: map[string]string{optVersion: r.name}, Progress: func(line string) { fmt.Println(line) },
			}))
		}
	}
	return errors.Join(errs...)
}
