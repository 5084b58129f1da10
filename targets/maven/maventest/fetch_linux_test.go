package maventest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/maven"
)

func TestMain(m *testing.M) { os.Exit(sandboxtest.Main(m)) }

// writer is a Maven that downloads more than there is room for.
const writer = `#!/bin/sh
for a in "$@"; do
	case "$a" in -DoutputDirectory=*) out="${a#-DoutputDirectory=}";; esac
done
mkdir -p "$out"
if ! said=$(head -c 1000000 /dev/zero 2>&1 > "$out/a.jar") ; then
	echo "[ERROR] Failed to execute goal: $said"
	exit 1
fi
`

// TestDiskFull fetches onto disks that are too small: for the download, and even
// for the first file.
func TestDiskFull(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		bin := t.TempDir()
		for name, text := range map[string]string{"mvn": writer, "java": "#!/bin/sh\necho 'openjdk version \"17.0.15\"'\n"} {
			if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", bin+":/usr/bin:/bin")
		t.Setenv("JAVA_HOME", "")
		for size, pom := range map[string]string{"size=128k": "<project/>", "nr_inodes=4": "<project/>", "size=8k": strings.Repeat("<x/>", 4000)} {
			t.Run(size, func(t *testing.T) {
				disk := t.TempDir()
				if err := unix.Mount("tmpfs", disk, "tmpfs", 0, size); err != nil {
					t.Fatalf("mounting a small disk: %v", err)
				}
				t.Cleanup(func() {
					if err := unix.Unmount(disk, 0); err != nil {
						t.Errorf("unmounting the small disk: %v", err)
					}
				})
				s := maven.NewStore(maven.Software{
					Target: "thing", Title: "Thing", Size: "1 MB", POM: []byte(pom),
					Sums: []byte(strings.Repeat("0", 64) + "  a.jar\n"),
					Java: maven.Java{For: "Thing", Min: 17, Install: "openjdk"},
				}, disk, nil)
				err := s.Fetch(t.Context())
				var environment *cluster.EnvironmentError
				if !errors.As(err, &environment) {
					t.Fatalf("got %v", err)
				}
				for _, part := range []string{"no space left", "make room", "--cache"} {
					if !strings.Contains(strings.ToLower(err.Error()), part) {
						t.Errorf("%q does not say %q", err, part)
					}
				}
				left, err := filepath.Glob(filepath.Join(disk, "thing", "*"))
				if err != nil || len(left) > 1 || len(left) == 1 && filepath.Base(left[0]) != "lock" {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		}
	})
}

// TestNoNetwork has the real Maven fetch where there is no network, which is what
// the sandbox is: it ends by itself, says why, and leaves nothing.
func TestNoNetwork(t *testing.T) {
	cache := t.TempDir()
	s := maven.NewStore(maven.Software{
		Target: "thing", Title: "Thing", Size: "1 MB",
		POM: []byte(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
			<groupId>lapse</groupId><artifactId>thing</artifactId><version>1</version><packaging>pom</packaging></project>`),
		Sums: []byte(strings.Repeat("0", 64) + "  a.jar\n"),
		Java: maven.Java{For: "Thing", Min: 17, Install: "a Java runtime"},
	}, cache, func(line string) { t.Log(line) })
	err := s.Fetch(t.Context())
	var environment *cluster.EnvironmentError
	if !errors.As(err, &environment) {
		t.Fatalf("got %v", err)
	}
	t.Log(err)
	for _, part := range []string{"cannot be reached", "network up"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if left, err := filepath.Glob(filepath.Join(cache, "thing", "[^l]*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
