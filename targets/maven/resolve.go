package maven

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

// goal is pinned, as everything that takes part in a fetch.
const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// Command finds Maven. Its error is of what is being done.
func Command(doing string) (string, error) {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", &cluster.EnvironmentError{
			Doing: doing, Err: errors.New("there is no Maven (mvn) on the PATH"),
			Way: "install it (Debian: apt-get install maven), or copy a cache from another machine",
		}
	}
	return mvn, nil
}

// resolve has Maven copy the runtime dependencies of the pom.xml to jars. Its own
// repository is in staging as well: what a broken download left in the user's
// would otherwise come back for ever, and everything vanishes with staging.
func (s *Store) resolve(ctx context.Context, staging, jars string) error {
	mvn, err := Command("fetching " + s.software.Title)
	if err != nil {
		return err
	}
	pom := filepath.Join(staging, "pom.xml")
	if err := os.WriteFile(pom, s.software.POM, 0o644); err != nil {
		return s.cacheError("making room in the cache", err)
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(run, mvn, "--batch-mode", "--strict-checksums", "--file", pom,
		"-Dmaven.repo.local="+filepath.Join(staging, "repository"),
		"-DoutputDirectory="+jars, "-DincludeScope=runtime",
		"-Daether.connector.connectTimeout=5000", "-Daether.connector.requestTimeout=20000",
		"-Dmaven.wagon.http.retryHandler.count=0", "-Dstyle.color=never",
		goal)
	cmd.Dir = staging
	ownGroup(cmd)
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("fetching %s: %w", s.software.Title, err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	s.progress(fmt.Sprintf("fetching %s (%s, once)", s.software.Title, s.software.Size))
	if err := cmd.Start(); err != nil {
		_ = in.Close()
		_ = out.Close()
		return fmt.Errorf("fetching %s: starting %s: %w", s.software.Title, mvn, err)
	}
	_ = in.Close()
	var log outcome
	var lines atomic.Int64
	read := make(chan struct{})
	go func() {
		defer close(read)
		s.follow(out, &log, &lines)
	}()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(run, cancel, staging, &lines)
	}()
	err = cmd.Wait()
	cause := context.Cause(run)
	cancel(nil)
	<-watched
	select {
	case <-read:
	case <-time.After(time.Second):
		// Something that Maven started holds the pipe open: it ends as well.
		endGroup(cmd)
		<-read
	}
	_ = out.Close()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("fetching %s: %w", s.software.Title, ctx.Err())
	case errors.Is(cause, errStalled):
		return s.fetchError(fmt.Errorf("%w for %s", errStalled, duration.Text(s.stall)), networkWay)
	case err != nil:
		return s.fetchError(log.reason(err), log.way(s.roomWay()))
	}
	return nil
}

func (s *Store) fetchError(err error, way string) error {
	return &cluster.EnvironmentError{Doing: "fetching " + s.software.Title, Err: err, Way: way}
}

const networkWay = "try again with the network up, set a proxy or a mirror in Maven's settings.xml, or copy a cache from another machine"

var errStalled = errors.New("nothing was downloaded")

// watch ends the download when neither a line nor a byte has come for the stall
// time: an unreachable network must not be waited for until somebody gives up.
func (s *Store) watch(ctx context.Context, end context.CancelCauseFunc, staging string, lines *atomic.Int64) {
	tick := time.NewTicker(min(time.Second, s.stall/4))
	defer tick.Stop()
	alive := time.Now()
	lastLines, lastSize := int64(-1), int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, size := lines.Load(), treeSize(staging)
		if n != lastLines || size != lastSize {
			alive, lastLines, lastSize = time.Now(), n, size
		}
		if time.Since(alive) > s.stall {
			end(errStalled)
			return
		}
	}
}

// treeSize adds up the files below dir; those that come and go do not matter.
func treeSize(dir string) int64 {
	var size int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

var downloaded = regexp.MustCompile(`^\[INFO\] Downloaded from .*\.(jar|so|dylib|dll) `)

// follow reads what Maven prints and tells how far it is.
func (s *Store) follow(out io.Reader, log *outcome, lines *atomic.Int64) {
	scan := bufio.NewScanner(out)
	scan.Buffer(nil, 1<<20)
	files := 0
	for scan.Scan() {
		lines.Add(1)
		line := scan.Text()
		log.add(line)
		if downloaded.MatchString(line) {
			files++
			if files%25 == 0 {
				s.progress(fmt.Sprintf("fetching %s: %d files so far", s.software.Title, files))
			}
		}
	}
	_, _ = io.Copy(io.Discard, out) // an endless line must not block Maven
}

// What is kept of what Maven says: so many errors, and so many bytes of the one that is told.
const (
	mostErrors = 20
	mostQuoted = 400
)

// outcome is what Maven said of a failure.
type outcome struct {
	errors  []string
	full    bool
	network bool
}

var unreachable = regexp.MustCompile(`(?i)unknown host|unknownhost|name resolution|connection refused|connect timed out|connection timed out|read timed out|network is unreachable|no route to host|connection reset`)

func isDiskFull(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "no space left on device") || strings.Contains(text, "disk quota exceeded")
}

func (o *outcome) add(line string) {
	o.full = o.full || isDiskFull(line)
	o.network = o.network || unreachable.MatchString(line)
	text, isError := strings.CutPrefix(line, "[ERROR] ")
	if isError && strings.TrimSpace(text) != "" && !strings.HasPrefix(text, "[Help") && len(o.errors) < mostErrors {
		o.errors = append(o.errors, strings.TrimSpace(text))
	}
}

func (o *outcome) reason(err error) error {
	switch {
	case o.full:
		return errors.New("no space left on the disk")
	case len(o.errors) > 0:
		text := o.errors[0]
		if len(text) > mostQuoted {
			text = strings.ToValidUTF8(text[:mostQuoted], "") + " ..."
		}
		if o.network {
			return fmt.Errorf("the repository cannot be reached: %s", text)
		}
		return fmt.Errorf("Maven says: %s", text) //nolint:staticcheck // a name
	}
	return fmt.Errorf("mvn failed: %w", err)
}

func (o *outcome) way(room string) string {
	switch {
	case o.full:
		return room
	case o.network:
		return networkWay
	}
	return "see whether 'mvn --version' works, and what repositories and mirrors its settings.xml names"
}
