package postgres

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// testStore is a store whose archive is a small file of the test's own.
func testStore(t *testing.T, archive string) (*store, *int) {
	t.Helper()
	sum := filepath.Join(t.TempDir(), "sum")
	must(t, os.WriteFile(sum, []byte(archive), 0o600))
	pin, err := sumFile(sum)
	must(t, err)
	s := newStore(t.TempDir(), func(line string) { t.Log(line) })
	s.pin = pin
	downloads := new(int)
	s.unpack = func(_ context.Context, archives, tree string) error {
		path := filepath.Join(archives, s.archiveName())
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			*downloads++
			text = []byte(archive)
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(tree, "bin"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tree, "bin", "postgres"), text, 0o755)
	}
	return s, downloads
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFetchOnceThenOffline(t *testing.T) {
	s, downloads := testStore(t, "the archive")
	must(t, s.fetch(t.Context()))
	must(t, s.check())
	s.unpack = func(context.Context, string, string) error { return errors.New("there is no network") }
	must(t, s.fetch(t.Context()))
	if *downloads != 1 {
		t.Errorf("downloaded %d times, want once", *downloads)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "staging-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFetchRefusesAlteredDownload(t *testing.T) {
	s, _ := testStore(t, "the archive")
	s.pin = strings.Repeat("0", 64)
	err := s.fetch(t.Context())
	var env *cluster.EnvironmentError
	if !errors.As(err, &env) || !strings.Contains(err.Error(), "broken or was altered") {
		t.Fatalf("got %v, want an EnvironmentError about the checksum", err)
	}
	if err := s.check(); err == nil {
		t.Error("the software counts although its archive was altered")
	}
	if _, err := os.Stat(filepath.Join(s.dir, s.archiveName())); err == nil {
		t.Error("the altered archive was kept")
	}
}

func TestFetchRefusesAlteredCachedArchive(t *testing.T) {
	s, downloads := testStore(t, "the archive")
	must(t, s.fetch(t.Context()))
	archive := filepath.Join(s.dir, s.archiveName())
	must(t, os.WriteFile(archive, []byte("the archivf"), 0o600))
	must(t, os.RemoveAll(s.tree()))
	err := s.fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), archive) {
		t.Fatalf("got %v, want an error that names %s", err, archive)
	}
	must(t, os.Remove(archive)) // the way out that the error names
	must(t, s.fetch(t.Context()))
	if *downloads != 2 {
		t.Errorf("downloaded %d times, want twice", *downloads)
	}
}

func TestFetchMendsTheUnpacked(t *testing.T) {
	for name, damage := range map[string]func(s *store) error{
		"altered file":     func(s *store) error { return os.WriteFile(s.bindir()+"/postgres", []byte("evil"), 0o755) },
		"missing file":     func(s *store) error { return os.Remove(s.bindir() + "/postgres") },
		"added file":       func(s *store) error { return os.WriteFile(s.bindir()+"/psql", nil, 0o755) },
		"no manifest":      func(s *store) error { return os.Remove(s.manifest()) },
		"cut-off manifest": func(s *store) error { return os.Truncate(s.manifest(), 10) },
		"half unpacked":    func(s *store) error { return errors.Join(os.Remove(s.manifest()), os.RemoveAll(s.bindir())) },
	} {
		t.Run(name, func(t *testing.T) {
			s, downloads := testStore(t, "the archive")
			must(t, s.fetch(t.Context()))
			must(t, damage(s))
			if s.check() == nil {
				t.Fatal("the damage was not noticed")
			}
			must(t, s.fetch(t.Context()))
			must(t, s.check())
			if *downloads != 1 {
				t.Errorf("downloaded %d times, want once: the archive is there", *downloads)
			}
		})
	}
}

func TestFetchKilledHalfWay(t *testing.T) {
	s, downloads := testStore(t, "the archive")
	// What a process that was killed leaves: a staging directory with half of an
	// archive.
	stale := filepath.Join(s.dir, "staging-123")
	must(t, os.MkdirAll(stale, 0o755))
	must(t, os.WriteFile(filepath.Join(stale, s.archiveName()), []byte("the ar"), 0o600))
	must(t, s.fetch(t.Context()))
	must(t, s.check())
	if *downloads != 1 {
		t.Errorf("downloaded %d times, want once", *downloads)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the stale staging directory is still there")
	}
}

func TestFetchFailureNamesTheWayOut(t *testing.T) {
	s, _ := testStore(t, "the archive")
	s.unpack = func(context.Context, string, string) error { return errors.New("unable to connect") }
	err := s.fetch(t.Context())
	for _, want := range []string{"unable to connect", "--set software=path", "--set bindir="} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

// TestUntar: files, modes and links are as they were; what would land outside of the
// directory, and an archive that is cut off, are refused.
func TestUntar(t *testing.T) {
	dir := t.TempDir()
	pack := func(name string, headers ...tar.Header) string {
		f, err := os.Create(filepath.Join(dir, name))
		must(t, err)
		w := tar.NewWriter(f)
		for _, h := range headers {
			if h.Typeflag == tar.TypeReg {
				h.Size = 4
			}
			must(t, w.WriteHeader(&h))
			if h.Typeflag == tar.TypeReg {
				_, err := w.Write([]byte("text"))
				must(t, err)
			}
		}
		must(t, errors.Join(w.Close(), f.Close()))
		out, err := exec.Command("xz", f.Name()).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return f.Name() + ".xz"
	}
	file := tar.Header{Typeflag: tar.TypeReg, Name: "./bin/postgres", Mode: 0o755}
	good := pack("good", file, tar.Header{Typeflag: tar.TypeDir, Name: "share/", Mode: 0o755}, tar.Header{Typeflag: tar.TypeSymlink, Name: "lib/a.so", Linkname: "a.so.1"})
	tree := filepath.Join(dir, "tree")
	must(t, untar(t.Context(), good, tree))
	if st, err := os.Stat(filepath.Join(tree, "bin", "postgres")); err != nil || st.Mode().Perm()&0o111 == 0 || st.Size() != 4 {
		t.Errorf("bin/postgres: %v, %v", st, err)
	}
	if to, err := os.Readlink(filepath.Join(tree, "lib", "a.so")); err != nil || to != "a.so.1" {
		t.Errorf("lib/a.so: %q, %v", to, err)
	}
	whole, err := os.ReadFile(good)
	must(t, err)
	cut := filepath.Join(dir, "cut.xz")
	must(t, os.WriteFile(cut, whole[:len(whole)/2], 0o600))
	outside := file
	outside.Name = "../outside"
	for name, archive := range map[string]string{"cut off": cut, "outside": pack("outside", outside), "a device": pack("device", tar.Header{Typeflag: tar.TypeChar, Name: "null"})} {
		if err := untar(t.Context(), archive, filepath.Join(dir, "bad "+name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "outside")); err == nil {
		t.Error("a file was written outside of the directory")
	}
}

func TestFetchTwoAtOnce(t *testing.T) {
	s, downloads := testStore(t, "the archive")
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- s.fetch(t.Context()) }()
	}
	for range cap(errs) {
		must(t, <-errs)
	}
	if *downloads != 1 {
		t.Errorf("downloaded %d times, want once", *downloads)
	}
}

func TestFirstDifference(t *testing.T) {
	for _, c := range []struct{ want, got, text string }{
		{"a  x\nb  y\n", "a  x\n", "y is missing"},
		{"a  x\nb  y\n", "a  x\nc  y\n", "y has another content"},
		{"a  x\n", "a  x\nc  y\n", "y was added"},
	} {
		if text := firstDifference([]byte(c.want), []byte(c.got)); text != c.text {
			t.Errorf("%q against %q: got %q, want %q", c.want, c.got, text, c.text)
		}
	}
}

// BenchmarkVerify is what each start pays for noticing an altered file.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		must(b, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, 60<<10), 0o600))
	}
	list, err := describe(dir)
	must(b, err)
	manifest := filepath.Join(b.TempDir(), "manifest")
	must(b, os.WriteFile(manifest, list, 0o600))
	for b.Loop() {
		must(b, verify(dir, manifest))
	}
}
