package maven

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Software is what a target has fetched.
type Software struct {
	// Target is the target's name, and that of its directory in the cache.
	Target string
	// Title is for people, such as "Apache Cassandra 5.0.8", Version the version in it.
	Title, Version string
	// Size says how much is downloaded, for the progress line.
	Size string
	// POM is the pom.xml whose runtime dependencies are fetched.
	POM []byte
	// Sums are the checksums of the files in the form of sha256sum.
	Sums []byte
	// Java is what it runs on.
	Java Java
}

// Fetch implements targets.Fetcher for the target whose software s is.
func (s Software) Fetch(ctx context.Context, cfg targets.Config) error {
	return NewStore(s, cfg.Cache, cfg.Progress).Fetch(ctx)
}

// Present implements targets.Fetcher for the target whose software s is.
func (s Software) Present(ctx context.Context, cfg targets.Config) (string, error) {
	return NewStore(s, cfg.Cache, nil).Present(ctx)
}

// Find is the fetched software and the Java that it runs on. The error, a
// *cluster.EnvironmentError, says what lacks.
func (s Software) Find(ctx context.Context, cfg targets.Config) (targets.Software, error) {
	st := NewStore(s, cfg.Cache, nil)
	if err := st.Check(); err != nil {
		return targets.Software{}, err
	}
	runtime, err := st.software.Java.Find(ctx)
	return targets.Software{Version: s.Version, Dir: st.Dir(), Java: runtime.Path}, err
}

// Store is the place of one software in a cache. Its methods are safe for
// concurrent use, by several processes too.
type Store struct {
	software Software
	dir      string
	progress func(string)
	// stall is how long Maven may show no sign of life.
	stall time.Duration
}

// defaultStall is long enough for a slow mirror to answer, and for Maven to start on a
// machine that is busy, and short enough for a person who waits.
const defaultStall = time.Minute

// NewStore is the place of s below cache. Progress, which may be nil, gets a line
// at a time about a download.
func NewStore(s Software, cache string, progress func(string)) *Store {
	if progress == nil {
		progress = func(string) {}
	}
	if s.Java.For == "" {
		s.Java.For = s.Title
	}
	return &Store{software: s, dir: filepath.Join(cache, s.Target), progress: progress, stall: defaultStall}
}

// Dir is where the files are. Its name changes with the pom.xml and with the
// checksums, so that two versions of lapse share a cache.
func (s *Store) Dir() string {
	h := sha256.New()
	h.Write(s.software.POM)
	h.Write(s.software.Sums)
	return filepath.Join(s.dir, "jars-"+hex.EncodeToString(h.Sum(nil))[:16])
}

// Fetch makes the software be there, whole and unaltered, and finds the Java that
// it runs on. Errors are *cluster.EnvironmentError and name the way out; then
// nothing is left behind.
func (s *Store) Fetch(ctx context.Context) error {
	// What cannot run here is not worth a download.
	if _, err := s.software.Java.Find(ctx); err != nil {
		return err
	}
	if s.verify() == nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return s.cacheError("making the cache", err)
	}
	unlock, err := LockFile(ctx, filepath.Join(s.dir, "lock"))
	if err != nil {
		return s.cacheError("locking the cache", err)
	}
	defer unlock()
	return s.fetchLocked(ctx)
}

func (s *Store) fetchLocked(ctx context.Context) error {
	switch err := s.verify(); {
	case err == nil:
		return nil // another process did it meanwhile
	case !errors.Is(err, fs.ErrNotExist):
		s.progress(fmt.Sprintf("%s in the cache: %v; fetching it anew", s.software.Title, err))
	}
	// What an earlier process was killed over counts for nothing.
	stale, _ := filepath.Glob(filepath.Join(s.dir, "staging-*"))
	for _, dir := range append(stale, s.Dir()) {
		if err := os.RemoveAll(dir); err != nil {
			return s.cacheError("clearing the cache", err)
		}
	}
	staging, err := os.MkdirTemp(s.dir, "staging-")
	if err != nil {
		return s.cacheError("making room in the cache", err)
	}
	defer func() { _ = os.RemoveAll(staging) }()

	jars := filepath.Join(staging, "jars")
	if err := s.resolve(ctx, staging, jars); err != nil {
		return err
	}
	if err := verify(jars, s.software.Sums); err != nil {
		return &cluster.EnvironmentError{
			Doing: "checking the download of " + s.software.Title, Err: err,
			Way: "the repository or mirror that Maven is set up with hands out something else than was released: use another one (settings.xml)",
		}
	}
	if err := os.Chmod(jars, 0o755); err != nil {
		return s.cacheError("keeping "+s.software.Title, err)
	}
	if err := os.Rename(jars, s.Dir()); err != nil {
		return s.cacheError("keeping "+s.software.Title, err)
	}
	s.progress(fmt.Sprintf("%s is in %s", s.software.Title, s.Dir()))
	return nil
}

// Check returns nil if the software is there, whole and unaltered.
func (s *Store) Check() error {
	err := s.verify()
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, lacks := Command("looking for " + s.software.Title); lacks != nil {
			return lacks // nor can it be fetched
		}
		err = fmt.Errorf("%w %s", cluster.ErrNotFetched, s.dir)
	}
	return &cluster.EnvironmentError{
		Doing: "looking for " + s.software.Title, Err: err,
		Way: fmt.Sprintf("run 'lapse fetch %s' with the network up", s.software.Target),
	}
}

// Present says what is there, and what it would run on.
func (s *Store) Present(ctx context.Context) (string, error) {
	java, err := s.software.Java.Find(ctx)
	if err != nil {
		return "", err
	}
	if err := s.Check(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s at %s, Java %d at %s", s.software.Title, s.Dir(), java.Version, java.Path), nil
}

func (s *Store) verify() error { return verify(s.Dir(), s.software.Sums) }

// cacheError is about the disk that the cache is on.
func (s *Store) cacheError(doing string, err error) error {
	way := "name a directory that can be written to with --cache"
	if isDiskFull(err.Error()) {
		way = s.roomWay()
	}
	return &cluster.EnvironmentError{Doing: doing, Err: err, Way: way}
}

func (s *Store) roomWay() string {
	return fmt.Sprintf("make room for twice the download (%s) in %s, or name a directory on another disk with --cache", s.software.Size, s.dir)
}
