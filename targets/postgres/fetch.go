package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/maven"
)

// fetchedVersion is the version that is fetched; pins has its checksums.
const fetchedVersion = "18.3.0"

// pins are the SHA-256 of the archives of fetchedVersion, by the platform's name
// as the archives spell it. An archive that differs is not unpacked into its
// place.
var pins = map[string]string{
	"linux-amd64":        "e09b13df10e9df257275d498b19b8c214a3e86d7a5d8cd263b0860e308e8b0b6",
	"linux-amd64-alpine": "5e47f96951026dc460b876fa62379f7c7666eb6293d076900e2c71703e5a1de6",
	"linux-arm64v8":      "f9695b61cff9e5c9b8e02a938158740a711c7a55304dd49ca634c8b947bf6b27",
	"darwin-amd64":       "2c5f22fa675ee78264a2ea8c7543310c32590465a4f72fb4287ca65ec484f7dd",
	"darwin-arm64v8":     "61f9b7026404f15abd4ec7e5724f672795c08cecc58ece212f85da3bf4de2b91",
}

// platform is this machine's name in the archives' names.
func platform() string {
	arch := runtime.GOARCH
	if arch == "arm64" {
		arch = "arm64v8"
	}
	name := runtime.GOOS + "-" + arch
	if _, err := os.Stat("/etc/alpine-release"); err == nil && runtime.GOOS == "linux" {
		name += "-alpine"
	}
	return name
}

// store is the place of the fetched software and of the template data directories
// made with it, in the user's cache.
type store struct {
	dir      string
	platform string
	// pin is the archive's checksum, empty if the platform has none.
	pin string
	// unpack downloads the archive into archives, unless it is there, and
	// unpacks it into tree.
	unpack   func(ctx context.Context, archives, tree string) error
	progress func(string)
}

func newStore(cache string, progress func(string)) *store {
	if progress == nil {
		progress = func(string) {}
	}
	p := platform()
	s := &store{dir: filepath.Join(cache, "postgres"), platform: p, pin: pins[p], progress: progress}
	s.unpack = s.download
	return s
}

func (s *store) name() string     { return fmt.Sprintf("postgresql-%s-%s", fetchedVersion, s.platform) }
func (s *store) tree() string     { return filepath.Join(s.dir, s.name()) }
func (s *store) manifest() string { return s.tree() + ".sha256" }
func (s *store) bindir() string   { return filepath.Join(s.tree(), "bin") }

// archiveName returns the archive's name in the cache.
func (s *store) archiveName() string {
	return fmt.Sprintf("embedded-postgres-binaries-%s-%s.txz", s.platform, fetchedVersion)
}

// fetch makes the software be there, whole and unaltered. When ctx is done it ends
// what is under way and returns.
func (s *store) fetch(ctx context.Context) error {
	if _, err := os.Stat(s.manifest()); err == nil && s.check() == nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return &cluster.EnvironmentError{Doing: "making the cache", Err: err, Way: "name a directory that can be written to with --cache"}
	}
	err := s.locked(ctx, s.fetchLocked)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("fetching PostgreSQL %s: %w", fetchedVersion, ctx.Err())
	}
	return err
}

// check says whether the unpacked software is whole and unaltered.
func (s *store) check() error { return verify(s.tree(), s.manifest()) }

// locked runs f while no other process of this user fetches or unpacks.
func (s *store) locked(ctx context.Context, f func(context.Context) error) error {
	unlock, err := maven.LockFile(ctx, filepath.Join(s.dir, "lock"))
	if err != nil {
		return fmt.Errorf("locking the cache: %w", err)
	}
	defer unlock()
	return f(ctx)
}

func (s *store) fetchLocked(ctx context.Context) error {
	err := s.check()
	if err == nil {
		return nil // somebody else did it meanwhile
	}
	var altered *alteredError
	if errors.As(err, &altered) {
		s.progress(altered.Error() + "; unpacking it again")
	}
	// What an earlier process was killed over counts for nothing.
	stale, _ := filepath.Glob(filepath.Join(s.dir, "staging-*"))
	for _, dir := range append(stale, s.tree(), s.manifest()) {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clearing the cache: %w", err)
		}
	}
	staging, err := os.MkdirTemp(s.dir, "staging-")
	if err != nil {
		return fmt.Errorf("unpacking PostgreSQL: %w", err)
	}
	defer func() { _ = os.RemoveAll(staging) }() // the next fetch clears what stays

	archive := filepath.Join(s.dir, s.archiveName())
	archives := s.dir
	if _, err := os.Stat(archive); err == nil {
		if err := s.checkArchive(archive); err != nil {
			return err
		}
		s.progress(fmt.Sprintf("unpacking PostgreSQL %s from the cache", fetchedVersion))
	} else {
		archives = staging
		s.progress(fmt.Sprintf("fetching PostgreSQL %s for %s (15 to 33 MB, once)", fetchedVersion, s.platform))
	}
	tree := filepath.Join(staging, "tree")
	if err := s.unpack(ctx, archives, tree); err != nil {
		return fetchError(err)
	}
	if archives == staging {
		fetched := filepath.Join(staging, s.archiveName())
		if err := s.checkArchive(fetched); err != nil {
			return err
		}
		if err := os.Rename(fetched, archive); err != nil {
			return fmt.Errorf("keeping the archive: %w", err)
		}
	}
	list, err := describe(tree)
	if err != nil {
		return err
	}
	if err := writeFile(s.manifest(), list, 0o644); err != nil {
		return fmt.Errorf("keeping the list of files: %w", err)
	}
	if err := os.Rename(tree, s.tree()); err != nil {
		return fmt.Errorf("keeping the unpacked software: %w", err)
	}
	s.progress(fmt.Sprintf("PostgreSQL %s is in %s", fetchedVersion, s.tree()))
	return nil
}

// fetchError names the other ways to a Postgres where nothing can be fetched.
func fetchError(err error) error {
	out := cluster.EnvironmentError{Doing: "fetching PostgreSQL " + fetchedVersion, Err: err, Way: "try again with the network up"}
	var known *cluster.EnvironmentError
	if errors.As(err, &known) {
		out = *known
	}
	out.Way += ", or use an installed one: --set software=path, or --set bindir=DIRECTORY with initdb and postgres in it"
	return &out
}

// checkArchive compares an archive with its pin.
func (s *store) checkArchive(path string) error {
	if s.pin == "" {
		slog.Warn("no checksum is known for this platform's archive", "platform", s.platform)
		return nil
	}
	sum, err := sumFile(path)
	if err != nil {
		return fmt.Errorf("checking the archive: %w", err)
	}
	if sum != s.pin {
		return &cluster.EnvironmentError{
			Doing: "checking " + path,
			Err:   fmt.Errorf("the archive is broken or was altered: its SHA-256 is %s and must be %s", sum, s.pin),
			Way:   "remove it, and it is fetched anew",
		}
	}
	return nil
}

// presentError says what is wrong with the cached software.
func (s *store) presentError(err error) error {
	const doing = "looking for PostgreSQL"
	way := "run 'lapse fetch postgres', or use an installed one with --set software=path"
	if errors.Is(err, fs.ErrNotExist) {
		_, noMaven := maven.Command(doing)
		_, noXZ := xzCommand(doing)
		if lacks := cmp.Or(noMaven, noXZ); lacks != nil {
			return lacks // nor can it be fetched
		}
		err = fmt.Errorf("PostgreSQL %s: %w %s", strings.TrimSuffix(fetchedVersion, ".0"), cluster.ErrNotFetched, s.dir)
	}
	return &cluster.EnvironmentError{Doing: doing, Err: err, Way: way}
}
