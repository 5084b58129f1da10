package lapsetest_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies: whoever tests a database of their own builds no driver of another
// one, no store and no client of a container engine.
func TestDependencies(t *testing.T) {
	deps := func(pkg string) []string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	for _, pkg := range []string{"github.com/lapse-test/lapse/lapsetest", "github.com/lapse-test/lapse/lapsetest/ministore"} {
		foreign := 0
		for _, d := range deps(pkg) {
			for _, driver := range []string{
				"github.com/aws/", "github.com/gocql/", "github.com/jackc/", "github.com/redis/", "github.com/go-sql-driver/", "go.etcd.io/", "go.mongodb.org/",
				"google.golang.org/grpc", "github.com/docker/", "github.com/ory/", "github.com/cockroachdb/pebble", "github.com/spf13/cobra",
			} {
				if strings.HasPrefix(d, driver) {
					t.Errorf("%s needs %s", pkg, d)
				}
			}
			if host, _, _ := strings.Cut(d, "/"); strings.Contains(host, ".") && !strings.HasPrefix(d, "github.com/lapse-test/") {
				foreign++
			}
		}
		if foreign > 60 {
			t.Errorf("%s needs %d packages of others", pkg, foreign)
		}
	}
	// The list can be wrong only if it names what exists: the registry has them.
	all := strings.Join(deps("github.com/lapse-test/lapse/targets/registry"), "\n")
	for _, driver := range []string{"github.com/aws/", "github.com/gocql/", "github.com/jackc/", "github.com/docker/"} {
		if !strings.Contains(all, driver) {
			t.Errorf("the registry does not need %s any more: mend this test", driver)
		}
	}
}
