package kubernetes

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPack: what is packed is unpacked as it was, without what is no file or directory.
func TestPack(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"run/plan.json": "{}", "run/nodes/n1/log": strings.Repeat("x", 100000), "run/empty": ""} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("run", filepath.Join(from, "latest")); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := Pack(from, &archive); err != nil {
		t.Fatal(err)
	}
	size, err := unpack(&archive, to)
	if err != nil || size != 100002 {
		t.Errorf("%d bytes, %v", size, err)
	}
	got, err := os.ReadFile(filepath.Join(to, "run/nodes/n1/log"))
	if err != nil || len(got) != 100000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := os.Lstat(filepath.Join(to, "latest")); !os.IsNotExist(err) {
		t.Errorf("the link: %v", err)
	}
}

// TestUnpack: what leads out of the directory, or is neither a file nor a directory, is refused.
func TestUnpack(t *testing.T) {
	for name, h := range map[string]*tar.Header{
		"above":    {Name: "../out", Typeflag: tar.TypeReg},
		"rooted":   {Name: "/out", Typeflag: tar.TypeReg},
		"inside":   {Name: "run/../../out", Typeflag: tar.TypeReg},
		"dir":      {Name: "../out/", Typeflag: tar.TypeDir},
		"link":     {Name: "out", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
		"hardlink": {Name: "out", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		"device":   {Name: "out", Typeflag: tar.TypeChar},
	} {
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(&archive, dir); err == nil {
			t.Errorf("%s: it is unpacked", name)
		}
		if entries, err := os.ReadDir(outer); err != nil || len(entries) != 1 {
			t.Errorf("%s: beside it there are %v, %v", name, entries, err)
		}
	}
	if _, err := unpack(strings.NewReader("no archive"), t.TempDir()); err == nil {
		t.Error("what is no archive is unpacked")
	}
}
