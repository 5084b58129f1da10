package maven

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// The programs that stand for Maven and Java here are shell scripts: what is
// tested is what becomes of their answers. The real ones are run by the tests of
// the targets.

// programs puts scripts on a PATH of their own, together with the few programs
// that they call.
func programs(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"sh", "mkdir", "sleep", "dirname", "cat"} {
		for _, place := range []string{"/bin/", "/usr/bin/"} {
			if _, err := os.Stat(place + tool); err == nil {
				must(t, os.Symlink(place+tool, filepath.Join(dir, tool)))
				break
			}
		}
	}
	for name, text := range scripts {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755))
	}
	t.Setenv("PATH", dir)
	t.Setenv("JAVA_HOME", "")
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const java17 = `echo 'openjdk version "17.0.15" 2025-04-15' >&2` + "\n"

// goodMaven does what Maven does, for a software of two files.
const goodMaven = `
for a in "$@"; do
	case "$a" in -DoutputDirectory=*) out="${a#-DoutputDirectory=}";; esac
done
mkdir -p "$out"
echo "[INFO] Downloaded from somewhere: x/a.jar (1 kB at 1 kB/s)"
printf one > "$out/a.jar"
printf two > "$out/b.so"
`

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

func testSoftware() Software {
	return Software{
		Target: "thing", Title: "Thing 1.0", Size: "6 bytes", POM: []byte("<project/>"),
		Sums: fmt.Appendf(nil, "%s  a.jar\n%s  b.so\n", sum("one"), sum("two")),
		Java: Java{For: "Thing", Min: 17, Install: "openjdk"},
	}
}

func newTestStore(t *testing.T) *Store {
	t.Helper()
	s := NewStore(testSoftware(), t.TempDir(), func(line string) { t.Log(line) })
	s.stall = time.Minute
	return s
}

// nothingLeft says that a failed fetch left no directory in the cache.
func nothingLeft(t *testing.T, s *Store) {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestFetchThenOffline(t *testing.T) {
	dir := programs(t, map[string]string{"java": java17, "mvn": goodMaven})
	s := newTestStore(t)
	if err := s.Check(); err == nil {
		t.Fatal("Check finds what was never fetched")
	}
	must(t, s.Fetch(t.Context()))
	must(t, os.Remove(filepath.Join(dir, "mvn")))
	must(t, s.Fetch(t.Context())) // no Maven, no network: the cache suffices
	must(t, s.Check())
	if text, err := s.Present(t.Context()); err != nil || !strings.Contains(text, "Thing 1.0") || !strings.Contains(text, "Java 17") {
		t.Errorf("Present: %q, %v", text, err)
	}
}

// TestAlteredFiles breaks the fetched directory in every way and expects that it
// does not count, and that it is fetched anew.
func TestAlteredFiles(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"another content, same length": func(d string) error { return os.WriteFile(filepath.Join(d, "a.jar"), []byte("onE"), 0o644) },
		"cut short":                    func(d string) error { return os.Truncate(filepath.Join(d, "a.jar"), 1) },
		"missing":                      func(d string) error { return os.Remove(filepath.Join(d, "b.so")) },
		"one more":                     func(d string) error { return os.WriteFile(filepath.Join(d, "c.jar"), nil, 0o644) },
		"a link": func(d string) error {
			return errors.Join(os.Rename(filepath.Join(d, "a.jar"), filepath.Join(d, "../elsewhere")), os.Symlink("../elsewhere", filepath.Join(d, "a.jar")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			programs(t, map[string]string{"java": java17, "mvn": goodMaven})
			s := newTestStore(t)
			must(t, s.Fetch(t.Context()))
			must(t, harm(s.Dir()))
			if err := s.Check(); err == nil {
				t.Fatal("Check did not notice")
			}
			must(t, s.Fetch(t.Context()))
			must(t, s.Check())
		})
	}
}

// TestFetchFails goes through what can go wrong: one error that says what, why
// and what to do, and nothing left.
func TestFetchFails(t *testing.T) {
	for _, c := range []struct {
		name      string
		java, mvn string
		want      []string
	}{
		{"no java", "", goodMaven, []string{"Java 17 or newer", "no java on the PATH", "install openjdk"}},
		{"java too old", `echo 'java version "1.8.0_392"' >&2`, goodMaven, []string{"Java 17 or newer", "is Java 8", "JAVA_HOME"}},
		{"java is none", `echo hello`, goodMaven, []string{"does not tell its version"}},
		{"java fails", `exit 3`, goodMaven, []string{"exit status 3"}},
		{"no maven", java17, "", []string{"no Maven (mvn) on the PATH", "apt-get install maven"}},
		{"unknown host", java17, `echo "[ERROR] Plugin x or one of its dependencies could not be resolved: Could not transfer artifact: Unknown host"; exit 1`, []string{"cannot be reached", "Unknown host", "settings.xml"}},
		{"disk full", java17, `echo "[ERROR] Failed to execute goal: No space left on device"; exit 1`, []string{"no space left on the disk", "make room", "--cache"}},
		{"other failure", java17, `echo "[ERROR] Non-readable settings"; exit 1`, []string{"Maven says: Non-readable settings", "mvn --version"}},
		{"silent failure", java17, `exit 7`, []string{"exit status 7"}},
		{"wrong content", java17, strings.Replace(goodMaven, "printf one", "printf ONE", 1), []string{"a.jar is broken or was altered", "settings.xml"}},
		{"half a download", java17, strings.Replace(goodMaven, "printf two", "exit 0; printf two", 1), []string{"b.so is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			scripts := map[string]string{}
			if c.java != "" {
				scripts["java"] = c.java
			}
			if c.mvn != "" {
				scripts["mvn"] = c.mvn
			}
			programs(t, scripts)
			s := newTestStore(t)
			// Whatever Java this machine has installed must not serve.
			s.software.Java.installed = t.TempDir()
			err := s.Fetch(t.Context())
			var environment *cluster.EnvironmentError
			if !errors.As(err, &environment) || environment.Way == "" {
				t.Fatalf("got %v, want an error of the environment with a way out", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			nothingLeft(t, s)
		})
	}
}

// TestStalledDownload has a Maven that waits for ever, with a child that holds
// its output open: both must end, and soon.
func TestStalledDownload(t *testing.T) {
	programs(t, map[string]string{"java": java17, "mvn": "echo '[INFO] Downloading'\nsleep 1000 &\nsleep 1000\n"})
	s := newTestStore(t)
	s.stall = 400 * time.Millisecond
	err := s.Fetch(t.Context())
	if !errors.Is(err, errStalled) {
		t.Fatalf("got %v", err)
	}
	nothingLeft(t, s)
}

// TestInterruptedFetch ends a fetch in the middle, as Ctrl-C does.
func TestInterruptedFetch(t *testing.T) {
	programs(t, map[string]string{"java": java17, "mvn": goodMaven + "echo '[INFO] halfway'\nsleep 1000\n"})
	ctx, cancel := context.WithCancel(t.Context())
	s := newTestStore(t)
	s.progress = func(line string) {
		if strings.HasPrefix(line, "fetching") {
			time.AfterFunc(100*time.Millisecond, cancel)
		}
	}
	if err := s.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	nothingLeft(t, s)
}

// TestConcurrentFetch has several processes' worth of fetches: one does it.
func TestConcurrentFetch(t *testing.T) {
	counter := filepath.Join(t.TempDir(), "count")
	programs(t, map[string]string{"java": java17, "mvn": "echo once >> " + counter + "\n" + goodMaven})
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := NewStore(testSoftware(), cache, nil).Fetch(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	text, err := os.ReadFile(counter)
	must(t, err)
	if string(text) != "once\n" {
		t.Errorf("Maven ran %d times", strings.Count(string(text), "once"))
	}
}

// TestKilledFetch leaves what a killed process leaves; the next fetch clears it.
func TestKilledFetch(t *testing.T) {
	programs(t, map[string]string{"java": java17, "mvn": goodMaven})
	s := newTestStore(t)
	left := filepath.Join(s.dir, "staging-123", "jars")
	must(t, os.MkdirAll(left, 0o755))
	must(t, os.WriteFile(filepath.Join(left, "a.jar"), []byte("on"), 0o644))
	must(t, s.Fetch(t.Context()))
	if _, err := os.Stat(filepath.Dir(left)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestNewVersionNewPlace(t *testing.T) {
	a, b := testSoftware(), testSoftware()
	b.POM = []byte("<project>2</project>")
	if NewStore(a, "/c", nil).Dir() == NewStore(b, "/c", nil).Dir() {
		t.Error("two versions share a directory")
	}
}

func TestParseVersion(t *testing.T) {
	for out, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`:                        17,
		`java version "1.8.0_392"`:                                    8,
		`openjdk version "25" 2025-09-16`:                             25,
		"Picked up JAVA_TOOL_OPTIONS: -X\nopenjdk version \"21.0.1\"": 21,
	} {
		if got, err := parseVersion(out); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", out, got, err, want)
		}
	}
	if _, err := parseVersion("bash: java"); err == nil {
		t.Error("a version in no version")
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add(`openjdk version "17.0.15" 2025-04-15`)
	f.Add(`java version "1.8.0_392"`)
	f.Add(`version "99999999999999999999"`)
	f.Fuzz(func(t *testing.T, out string) {
		if v, err := parseVersion(out); err == nil && v < 0 {
			t.Errorf("%q is version %d", out, v)
		}
	})
}

// TestFindJava prefers what the user names and falls back on what is installed.
func TestFindJava(t *testing.T) {
	installed := t.TempDir()
	put := func(dir, version string) string {
		bin := filepath.Join(dir, "bin")
		must(t, os.MkdirAll(bin, 0o755))
		path := filepath.Join(bin, "java")
		must(t, os.WriteFile(path, []byte("#!/bin/sh\necho 'openjdk version \""+version+"\"' >&2\n"), 0o755))
		return path
	}
	onPath := programs(t, map[string]string{"java": `echo 'openjdk version "25.0.1"' >&2`})
	old := put(filepath.Join(installed, "a"), "11.0.2")
	right := put(filepath.Join(installed, "b"), "17.0.2")
	home := t.TempDir()
	named := put(home, "17.0.9")
	j := Java{For: "X", Min: 17, Max: 17, Install: "y", installed: installed}

	check := func(what, want string) {
		t.Helper()
		got, err := j.Find(t.Context())
		if err != nil || got.Path != want {
			t.Errorf("%s: %+v, %v, want %s", what, got, err, want)
		}
	}
	check("too new on the PATH", right)
	t.Setenv("JAVA_HOME", home)
	check("JAVA_HOME", named)
	j.Min, j.Max = 11, 11
	check("an older one is wanted", old)
	j.Min, j.Max = 25, 0
	check("the one on the PATH is wanted", filepath.Join(onPath, "java"))
	j.Min, j.Max = 18, 24
	if _, err := j.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "Java 18 to 24") || !strings.Contains(err.Error(), "is Java 17") {
		t.Errorf("none serves: %v", err)
	}
}
