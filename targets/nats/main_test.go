package nats

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// builtAt names the cache with the servers, for the test binary that is started again
// inside the sandbox.
const builtAt = "LAPSE_TEST_NATS_CACHE"

// Built is the cache with the server of the default version.
func Built() string { return os.Getenv(builtAt) }

func TestMain(m *testing.M) {
	dir := ""
	code := sandboxtest.Main(m, func() (err error) {
		if dir, err = os.MkdirTemp("", "lapse-nats-"); err != nil {
			return err
		}
		cfg := targets.Config{Cache: dir, Options: map[string]string{optVersion: versions[0]}, Progress: func(line string) { fmt.Println(line) }}
		return errors.Join(os.Setenv(builtAt, dir), os.Chmod(dir, 0o755), Target{}.Fetch(context.Background(), cfg))
	})
	if dir != "" {
		_ = os.RemoveAll(dir) // below the directory for temporary files
	}
	os.Exit(code)
}
