package realcluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// importImage makes an image that is one static program as its entry point, and gives it
// to the cluster under a name with a tag, so that none is pulled.
func (c *Cluster) importImage(t testing.TB, name, program string, args ...string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile(program)
	must(err)
	inside := "usr/local/bin/" + filepath.Base(program)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, dir := range []string{"usr/", "usr/local/", "usr/local/bin/", "tmp/", "etc/"} {
		must(w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(0, 0)}))
	}
	must(w.WriteHeader(&tar.Header{Name: inside, Mode: 0o755, Size: int64(len(binary)), ModTime: time.Unix(0, 0)}))
	_, err = w.Write(binary)
	must(err)
	must(w.Close())
	sum := sha256.Sum256(layer.Bytes())
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": append([]string{"/" + inside}, args...), "Env": []string{"PATH=/usr/local/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	must(err)
	manifest, err := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	must(err)
	archive := filepath.Join(c.dir, "image.tar")
	f, err := os.Create(archive)
	must(err)
	w = tar.NewWriter(f)
	for _, part := range []struct {
		name string
		text []byte
	}{{"config.json", config}, {"layer.tar", layer.Bytes()}, {"manifest.json", manifest}} {
		must(w.WriteHeader(&tar.Header{Name: part.name, Mode: 0o644, Size: int64(len(part.text))}))
		_, err = w.Write(part.text)
		must(err)
	}
	must(w.Close())
	must(f.Close())
	c.inside(t, nil, "ctr", "--address", "/run/containerd.sock", "--namespace", "k8s.io", "images", "import", archive)
	must(os.Remove(archive))
}
