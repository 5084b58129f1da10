package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"

	"github.com/lapse-test/lapse/targets/cluster"
)

// GoModule is a server that is built from Go modules by the go command. The target's
// folder has the two files that pin it, embedded under names that do not make a module
// of the folder (server.mod, server.sum): a go.mod with a tool line for the server's
// package, as `go get -tool PACKAGE@VERSION` writes it, and its go.sum.
type GoModule struct {
	// Target is the target's name, Title is for people, such as "etcd 3.5.21".
	Target, Title string
	// Mod and Sum are the two files.
	Mod, Sum []byte
	// Packages are the packages to be built, by the names of their programs, such as
	// "etcd": "go.etcd.io/etcd/server/v3".
	Packages map[string]string
	// Files are further files of the module, by their paths in it, for programs that are no
	// package of another module, such as one with some plugins of many; Packages name them
	// as "./dns".
	Files map[string][]byte
	// Linking is given to the linker, such as "-X PACKAGE.version=v1.2.3"; empty for nothing.
	Linking string
	// Version is what Find says.
	Version string
}

var _ Source = GoModule{}

// Pinned is g with the two files that pin its Version, modules/VERSION/server.mod and server.sum of
// what the target embeds.
func (g GoModule) Pinned(embedded fs.FS) (GoModule, error) {
	for name, file := range map[string]*[]byte{"server.mod": &g.Mod, "server.sum": &g.Sum} {
		var err error
		if *file, err = fs.ReadFile(embedded, path.Join("modules", g.Version, name)); err != nil {
			return g, fmt.Errorf("the pins of %s: %w", g.Title, err)
		}
	}
	return g, nil
}

func (g GoModule) cached() cached {
	c := cached{title: g.Title, target: g.Target, pins: [][]byte{g.Mod, g.Sum}}
	for _, name := range slices.Sorted(maps.Keys(g.Files)) {
		c.pins = append(c.pins, []byte(name), g.Files[name])
	}
	if g.Linking != "" {
		c.pins = append(c.pins, []byte(g.Linking))
	}
	for name := range g.Packages {
		c.programs = append(c.programs, name)
	}
	return c
}

// Find implements Source.
func (g GoModule) Find(_ context.Context, cache string) (Programs, error) {
	p, err := g.cached().find(cache)
	p.Version = g.Version
	if errors.Is(err, cluster.ErrNotFetched) {
		if _, lacks := g.command(); lacks != nil {
			return p, lacks // nor can it be built
		}
	}
	return p, err
}

func (g GoModule) command() (string, error) {
	command, err := exec.LookPath("go")
	if err != nil {
		return "", &cluster.EnvironmentError{
			Doing: "building " + g.Title, Err: errors.New("there is no go command on the PATH"),
			Way: "install Go (https://go.dev/doc/install), or copy a cache from another machine",
		}
	}
	return command, nil
}

// Fetch implements Source.
func (g GoModule) Fetch(ctx context.Context, cache string, progress func(string)) error {
	return g.cached().fetch(ctx, cache, func(ctx context.Context, dir string) error {
		command, err := g.command()
		if err != nil {
			return err
		}
		quiet(progress)(fmt.Sprintf("building %s from its Go modules (once; a minute or two, and more for large ones)", g.Title))
		source := filepath.Join(dir, "source")
		if err := os.Mkdir(source, 0o755); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(source) }()
		files := map[string][]byte{"go.mod": g.Mod, "go.sum": g.Sum}
		maps.Copy(files, g.Files)
		for name, text := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(source, name)), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(source, name), text, 0o644); err != nil {
				return err
			}
		}
		for name, pkg := range g.Packages {
			cmd := exec.CommandContext(ctx, command, "build", "-mod=readonly", "-trimpath", "-ldflags="+g.Linking, "-o", filepath.Join(dir, name), pkg)
			cmd.Dir = source
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
			if out, err := cmd.CombinedOutput(); err != nil {
				return &cluster.EnvironmentError{
					Doing: "building " + g.Title, Err: fmt.Errorf("%w: %s", err, lastLine(out)),
					Way: "try again with the network up, set GOPROXY to a proxy that can be reached, or copy a cache from another machine",
				}
			}
		}
		return nil
	})
}
