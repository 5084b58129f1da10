package postgres

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/maven"
)

// jarPins are the SHA-256 of the jars that the archives of fetchedVersion come in, by
// the platform's name.
var jarPins = map[string]string{
	"linux-amd64":        "1974c3a59c3ae010e9818e81637e425aad94eaac26e4ef533b42e081fe7ca345",
	"linux-amd64-alpine": "510fd314da39f1eeccef774a92428474168fedf55403342548e2adeaed66b483",
	"linux-arm64v8":      "1fb555a6602c13a113ab1f0cc9224d599948e85e51ac5f001393605505eaf78e",
	"darwin-amd64":       "cb68c57232945f5e74db946e6077d70cec56bfed35959b21acc750cc80ca0977",
	"darwin-arm64v8":     "a18ec9ec6a905e04f5a08a8f7870bddadd635feb54dee332a3daf80fada3cb1a",
}

// jar describes the Maven artifact: the binaries that Zonky builds for tests, without
// dependencies.
func (s *store) jar() (maven.Software, error) {
	sum, ok := jarPins[s.platform]
	if !ok {
		return maven.Software{}, fmt.Errorf("there is none for %s", s.platform)
	}
	artifact := "embedded-postgres-binaries-" + s.platform
	return maven.Software{
		Target: "jar", Title: "PostgreSQL " + fetchedVersion, Size: "15 to 33 MB",
		POM: fmt.Appendf(nil, `<project><modelVersion>4.0.0</modelVersion><groupId>lapse</groupId><artifactId>postgres</artifactId><version>1</version>
<dependencies><dependency><groupId>io.zonky.test.postgres</groupId><artifactId>%s</artifactId><version>%s</version></dependency></dependencies></project>
`, artifact, fetchedVersion),
		Sums: fmt.Appendf(nil, "%s  %s-%s.jar\n", sum, artifact, fetchedVersion),
		Java: maven.Java{For: "Maven", Min: 8, Install: "default-jre-headless"},
	}, nil
}

// download has Maven fetch the jar, unless the archive is in archives, puts the archive
// that is in it there, and unpacks that into tree.
func (s *store) download(ctx context.Context, archives, tree string) error {
	archive := filepath.Join(archives, s.archiveName())
	if _, err := os.Stat(archive); err != nil {
		jar, err := s.jar()
		if err != nil {
			return err
		}
		fetched := maven.NewStore(jar, archives, nil)
		if err := fetched.Fetch(ctx); err != nil {
			return err
		}
		jars, err := filepath.Glob(filepath.Join(fetched.Dir(), "*.jar"))
		if err != nil || len(jars) != 1 {
			return errors.Join(err, fmt.Errorf("%d files came, want one", len(jars)))
		}
		if err := extract(jars[0], archive); err != nil {
			return err
		}
	}
	// What is not the pinned archive is not read any further.
	if err := s.checkArchive(archive); err != nil {
		return err
	}
	return untar(ctx, archive, tree)
}

// extract writes the one .txz of a jar to the file archive.
func extract(jar, archive string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	for _, f := range z.File {
		if path.Ext(f.Name) != ".txz" {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		return os.WriteFile(archive, b, 0o644)
	}
	return fmt.Errorf("%s has no archive in it", filepath.Base(jar))
}

// xzCommand finds xz. Its error is of what is being done.
func xzCommand(doing string) (string, error) {
	xz, err := exec.LookPath("xz")
	if err != nil {
		return "", &cluster.EnvironmentError{
			Doing: doing, Err: errors.New("there is no program xz on the PATH"),
			Way: "install it (Debian: apt-get install xz-utils)",
		}
	}
	return xz, nil
}

// untar unpacks a .txz into dir, which it makes. The program xz takes the compression
// off. Nothing is written outside of dir, whatever is in the archive.
func untar(ctx context.Context, archive, dir string) error {
	xz, err := xzCommand("unpacking " + archive)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, xz, "--decompress", "--stdout", archive)
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = untarInto(root, tar.NewReader(out))
	if err != nil {
		cancel() // it waits for somebody who reads
		return errors.Join(fmt.Errorf("unpacking %s: %w", archive, err), cmd.Wait())
	}
	_, err = io.Copy(io.Discard, out) // what stands after the last entry
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("unpacking %s: %w: %s", archive, err, strings.TrimSpace(said.String()))
	}
	return nil
}

func untarInto(root *os.Root, from *tar.Reader) error {
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := entry(root, h, from); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func entry(root *os.Root, h *tar.Header, from io.Reader) error {
	name := path.Clean(h.Name)
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, from)
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("an entry of type %q is not expected", h.Typeflag)
}
