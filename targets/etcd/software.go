package etcd

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/software"
)

// modules pins the versions that are built: a go.mod and a go.sum each, as
// `go get -tool go.etcd.io/etcd/server/v3@VERSION` writes them.
//
//go:embed modules
var modules embed.FS

// release is a version of the server that can be had.
type release struct {
	// name is the value of version=, number the version itself.
	name, number string
	// built: by the go command, from modules; else it is Debian's.
	built bool
}

// releases are all there are, the default first.
var releases = []release{
	{name: "3.4", number: "3.4.23"},
	{name: "3.5.0", number: "3.5.0", built: true},
	{name: "3.6", number: "3.6.16", built: true},
}

const defaultVersion = "3.4"

func versionNames() []string {
	var out []string
	for _, r := range releases {
		out = append(out, r.name)
	}
	return out
}

func releaseOf(name string) release {
	for _, r := range releases {
		if r.name == name {
			return r
		}
	}
	return releases[0]
}

// image is the official one. Debian's version has one as well.
func (r release) image() string { return "quay.io/coreos/etcd:v" + r.number }

const program = "etcd"

var (
	versionText = regexp.MustCompile(`etcd Version: ([0-9][0-9A-Za-z.+-]*)`)
	debian      = software.Debian{
		Title: "etcd", Packages: []string{"etcd-server"}, Programs: []string{program}, Dirs: []string{"/usr/bin", "/usr/local/bin"},
		VersionArgs: []string{"--version"}, Version: versionText, Check: isSeries("3.4."),
	}
)

// isSeries refuses another version: what is on the PATH need not be Debian's.
func isSeries(series string) func(string) error {
	return func(version string) error {
		if len(version) < len(series) || version[:len(series)] != series {
			return fmt.Errorf("the etcd on the PATH is %s, not %sx; to test that one, name it with --set %s=PATH", version, series, optSoftware)
		}
		return nil
	}
}

// source returns the place that the server of s comes from.
func (s settings) source() (software.Source, error) {
	if s.software != "" {
		return software.Debian{
			Title: "etcd", Packages: debian.Packages, Programs: []string{s.software},
			VersionArgs: debian.VersionArgs, Version: versionText,
		}, nil
	}
	r := releaseOf(s.version)
	if !r.built {
		return debian, nil
	}
	return software.GoModule{
		Target: Name, Title: "etcd " + r.number, Version: r.number,
		Packages: map[string]string{program: "go.etcd.io/etcd/server/v3"},
	}.Pinned(modules)
}

// Server is the program that the nodes run.
type Server struct{ Version, Path string }

// Fetched is the program that Fetch has seen to.
func Fetched(ctx context.Context, cfg targets.Config) (Server, error) {
	s, err := fetched(cfg)
	if err != nil {
		return Server{}, err
	}
	return s.find(ctx, cfg.Cache)
}

func (s settings) find(ctx context.Context, cache string) (Server, error) {
	src, err := s.source()
	if err != nil {
		return Server{}, err
	}
	p, err := src.Find(ctx, cache)
	if s.software == "" {
		return Server{p.Version, p.Paths[program]}, err
	}
	var missing *cluster.EnvironmentError
	if errors.As(err, &missing) {
		err = &cluster.EnvironmentError{Doing: "finding the server", Err: missing.Err, Way: "name the path of an etcd program with --set " + optSoftware + "=PATH"}
	}
	return Server{p.Version, p.Paths[s.software]}, err
}

// Fetch implements targets.Fetcher.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	s, err := fetched(cfg)
	if err != nil {
		return err
	}
	src, err := s.source()
	if err != nil {
		return err
	}
	if s.software != "" {
		_, err = s.find(ctx, cfg.Cache)
		return err
	}
	return src.Fetch(ctx, cfg.Cache, cfg.Progress)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	s, err := fetched(cfg)
	if err != nil {
		return "", err
	}
	if s.software != "" {
		found, err := s.find(ctx, cfg.Cache)
		return "etcd " + found.Version + " at " + found.Path, err
	}
	src, err := s.source()
	if err != nil {
		return "", err
	}
	return software.Present(ctx, src, "etcd", cfg.Cache)
}

// fetched are the settings of cfg, which need not be resolved.
func fetched(cfg targets.Config) (settings, error) {
	cfg, err := Target{}.Resolve(cfg)
	if err != nil {
		return settings{}, err
	}
	return parse(cfg)
}
