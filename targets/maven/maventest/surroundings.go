package maventest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/maven"
)

// Surroundings tries a target's software where something is wrong with what it runs
// on: without a Java, with a Java of each version of wrong, and with a file of the
// cache altered or missing. Try is to fetch, or to start, with a cache; it must
// return a *cluster.EnvironmentError that names the thing and the way out. It must
// run in a sandbox, where the Javas of the machine can be hidden.
func (c Cache) Surroundings(t *testing.T, wrong []int, try func(ctx context.Context, cache string) error) {
	refused := func(t *testing.T, cache string, says ...string) {
		t.Helper()
		err := try(t.Context(), cache)
		var environment *cluster.EnvironmentError
		if !errors.As(err, &environment) {
			t.Fatalf("got %v", err)
		}
		for _, part := range says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
	altered := t.TempDir()
	dir := maven.NewStore(c.Software, altered, nil).Dir()
	if err := copyFiles(maven.NewStore(c.Software, c.Dir(), nil).Dir(), dir); err != nil {
		t.Fatal(err)
	}
	jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil || len(jars) == 0 {
		t.Fatalf("no jar in %s: %v", dir, err)
	}
	victim := jars[len(jars)/2]
	t.Run("altered jar", func(t *testing.T) {
		f, err := os.OpenFile(victim, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, altered, filepath.Base(victim), "was altered", "lapse fetch")
	})
	t.Run("half a jar", func(t *testing.T) {
		if err := os.Truncate(victim, 100); err != nil {
			t.Fatal(err)
		}
		refused(t, altered, filepath.Base(victim), "lapse fetch")
	})
	t.Run("no jar", func(t *testing.T) {
		if err := os.Remove(victim); err != nil {
			t.Fatal(err)
		}
		refused(t, altered, filepath.Base(victim), "lapse fetch")
	})
	t.Run("nothing in the cache", func(t *testing.T) { refused(t, t.TempDir(), "not in the cache", "lapse fetch") })

	hideJavas(t)
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	t.Run("no Java", func(t *testing.T) { refused(t, c.Dir(), "no java on the PATH", "install", "JAVA_HOME") })
	for _, version := range wrong {
		t.Run(fmt.Sprintf("Java %d", version), func(t *testing.T) {
			home := t.TempDir()
			script := fmt.Sprintf("#!/bin/sh\necho 'openjdk version \"%d.0.1\" 2025-01-01' >&2\n", version)
			if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(home, "bin", "java"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("JAVA_HOME", home)
			refused(t, c.Dir(), fmt.Sprintf("is Java %d", version), "install", "JAVA_HOME")
		})
	}
}
