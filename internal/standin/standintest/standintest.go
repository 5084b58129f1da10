// Package standintest gives tests an image to run a target in. The rule, which is
// the same for all tests on Docker: as root they run, and fail where something
// lacks; as an ordinary user they run if an engine answers and the stand-ins are
// there, and are skipped otherwise, because neither can be made without root.
// `make test` says so, too.
package standintest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lapse-test/lapse/internal/standin"
)

// Cache is where the tests keep fetched software between runs.
func Cache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "lapse")
}

// Image is the stand-in for the official image of a target.
func Image(t *testing.T, target string) string {
	t.Helper()
	b, err := standin.NewBuilder(Cache(), func(line string) { t.Log(line) })
	var image string
	if err == nil {
		image, err = b.For(t.Context(), target)
	}
	if err == nil {
		return image
	}
	if os.Geteuid() != 0 {
		t.Skipf("NOT TESTED on Docker, because this is an ordinary user: %v", err)
	}
	t.Fatal(err)
	return ""
}
