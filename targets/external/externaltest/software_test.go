package externaltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// apart runs lapse where no Java is installed but what PATH leads to, in a mount
// namespace of its own, with a file system of this size at /mnt for a cache.
func apart(t *testing.T, size, path string, args ...string) (result, string) {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left")
	script := `set -e
mkdir -p /usr/lib/jvm 2>/dev/null || true
[ ! -d /usr/lib/jvm ] || mount -t tmpfs none /usr/lib/jvm
mount -t tmpfs -o size=` + size + ` none /mnt
if [ -n "$SEED" ]; then cp -a "$SEED"/. /mnt/; fi
set +e
shown=$PATH
PATH=$PLACE "$@"
code=$?
PATH=$shown
find /mnt -mindepth 2 ! -name lock > "$LEFT"
exit $code`
	r := result{out: filepath.Join(t.TempDir(), "runs")}
	unshare := []string{"unshare", "--mount"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	line := append(append(unshare, "/bin/sh", "-c", script, "sh", binary), append(args, "--out", r.out, "--cache", "/mnt", "--provider", "sandbox")...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(cleanEnvironment(), "JAVA_HOME=", "PLACE="+path, "LEFT="+left, "SEED="+os.Getenv("SEED"))
	began := time.Now()
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r.code, r.stderr, r.took = cmd.ProcessState.ExitCode(), string(text), time.Since(began)
	found, err := os.ReadFile(left)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, err := os.Stat(r.out); err == nil {
		t.Errorf("a run was begun in %s", r.out)
	}
	if r.took > 30*time.Second {
		t.Errorf("said after %v", r.took)
	}
	return r, string(found)
}

// tools makes a directory with programs, and with those that scripts need.
func tools(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range scripts {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755))
	}
	return dir
}

// TestSoftware: what lacks or is broken of the software of a target is said by the
// command within seconds, and nothing is left behind.
func TestSoftware(t *testing.T) {
	const (
		old  = `echo 'openjdk version "11.0.2"' >&2`
		good = `echo 'openjdk version "17.0.2"' >&2`
		// bloat is a Maven that finds no room for what it downloads.
		bloat = `for a in "$@"; do case "$a" in -DoutputDirectory=*) out="${a#-DoutputDirectory=}";; esac; done
/bin/mkdir -p "$out"
if ! said=$(/usr/bin/head -c 9000000 /dev/zero 2>&1 > "$out/a.jar"); then echo "[ERROR] Failed to execute goal: $said"; exit 1; fi
`
		// half is a Maven that loses its connection in the middle of a file.
		half = `for a in "$@"; do case "$a" in -DoutputDirectory=*) out="${a#-DoutputDirectory=}";; esac; done
/bin/mkdir -p "$out"
echo half > "$out/DynamoDBLocal-2.6.1.jar"
`
	)
	for name, c := range map[string]struct {
		target  string
		scripts map[string]string
		says    []string
	}{
		"no Java":           {"dynamodb", nil, []string{"no java on the PATH", "Java 17", "apt-get install"}},
		"no Java 17":        {"cassandra", nil, []string{"no java on the PATH", "openjdk-17"}},
		"an old Java":       {"cassandra", map[string]string{"java": old}, []string{"is Java 11", "needs Java 17", "JAVA_HOME"}},
		"no Maven":          {"dynamodb", map[string]string{"java": good}, []string{"no Maven", "apt-get install maven"}},
		"a full disk":       {"dynamodb", map[string]string{"java": good, "mvn": bloat}, []string{"no space left", "make room", "--cache"}},
		"half a download":   {"dynamodb", map[string]string{"java": good, "mvn": half}, []string{"checking the download", "settings.xml"}},
		"an unserved level": {"dynamodb", nil, []string{"dynamodb has strong, eventual"}},
	} {
		t.Run(name, func(t *testing.T) {
			args, code := []string{"run", "--target", c.target, "--progress", "plain"}, 3
			if name == "an unserved level" {
				args, code = append(args, "--read-level", "QUORUM"), 64
			}
			r, left := apart(t, "4m", tools(t, c.scripts), args...)
			r.expect(t, code, c.says...)
			if left != "" {
				t.Errorf("left in the cache:\n%s", left)
			}
		})
	}
	t.Run("an altered file", func(t *testing.T) {
		if out, err := exec.Command(binary, "fetch", "dynamodb", "--progress", "none").CombinedOutput(); err != nil {
			t.Fatalf("fetching DynamoDB Local: %v\n%s", err, out)
		}
		cache, err := os.UserCacheDir()
		must(t, err)
		seed := t.TempDir()
		must(t, os.CopyFS(filepath.Join(seed, "dynamodb"), os.DirFS(filepath.Join(cache, "lapse", "dynamodb"))))
		jars, err := filepath.Glob(filepath.Join(seed, "dynamodb", "jars-*", "DynamoDBLocal-*.jar"))
		if err != nil || len(jars) == 0 {
			t.Fatalf("there is no DynamoDB Local in %s: %v", seed, err)
		}
		f, err := os.OpenFile(jars[0], os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("altered"), 1000)
		must(t, err)
		must(t, f.Close())
		t.Setenv("SEED", seed)
		// It is noticed, and fetched anew, for which there is no Maven here.
		r, _ := apart(t, "200m", tools(t, map[string]string{"java": good}), "run", "--target", "dynamodb", "--progress", "plain")
		r.expect(t, 3, "broken or was altered", filepath.Base(jars[0]), "no Maven")
		if strings.Contains(r.stderr, "session") {
			t.Errorf("it was used:\n%s", r.stderr)
		}
	})
}
