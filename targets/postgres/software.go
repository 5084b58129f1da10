package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// oldest is the oldest major version that is served: pg_backup_start came with
// 15, and what is not tested is not claimed.
const oldest = 15

// software is a PostgreSQL that can be run.
type software struct {
	bindir string
	// version is as it says itself, such as 18.3 or 15.14; major is its first
	// number.
	version string
	major   int
	// root is the directory with all that it needs, empty if that is spread over
	// the machine.
	root string
	// image is the container image that it is in; then bindir and root are empty.
	image string
}

// String is such as "PostgreSQL 18.3".
func (s software) String() string { return "PostgreSQL " + s.version }

// fetched says whether the software is to be fetched.
func (s settings) fetched() bool { return s.bindir == "" && s.software == softwareFetched }

// checkSoftware refuses a bindir that is none.
func (s settings) checkSoftware() error {
	if s.bindir == "" {
		return nil
	}
	if !filepath.IsAbs(s.bindir) {
		return targets.Usagef("--set bindir=%s: must be an absolute path, such as /usr/lib/postgresql/%d/bin", s.bindir, oldest)
	}
	if missing := missingProgram(s.bindir); missing != "" {
		return targets.Usagef("--set bindir=%s: there is no program %s; name the directory that has initdb and postgres, such as /usr/lib/postgresql/%d/bin", s.bindir, missing, oldest)
	}
	return nil
}

// find looks for the software and asks for its version. Errors are
// *cluster.EnvironmentError.
func (s settings) find(ctx context.Context, cache string) (software, error) {
	switch {
	case s.bindir != "":
		return inspect(ctx, s.bindir, "")
	case s.fetched():
		st := newStore(cache, nil)
		if err := st.check(); err != nil {
			return software{}, st.presentError(err)
		}
		return inspect(ctx, st.bindir(), st.tree())
	}
	dir, err := installed(os.Getenv("PATH"), debianBindirs)
	if err != nil {
		return software{}, err
	}
	return inspect(ctx, dir, "")
}

// debianBindirs matches the directories in which Debian and its kin install the servers, outside of PATH.
const debianBindirs = "/usr/lib/postgresql/*/bin"

// installed is the first directory on the path with the two programs, else the
// one of the newest version among those that pattern finds.
func installed(path, pattern string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) && missingProgram(dir) == "" {
			return dir, nil
		}
	}
	var found []string
	all, _ := filepath.Glob(pattern)
	for _, dir := range all {
		if missingProgram(dir) == "" {
			found = append(found, dir)
		}
	}
	if len(found) == 0 {
		return "", &cluster.EnvironmentError{
			Doing: "looking for an installed PostgreSQL",
			Err:   fmt.Errorf("neither PATH nor %s has initdb and postgres", pattern),
			Way:   "install it (Debian: apt install postgresql), name its directory with --set bindir=DIRECTORY, or leave --set software away to have it fetched",
		}
	}
	major := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // 0 sorts last
		return n
	}
	sort.Slice(found, func(i, j int) bool { return major(found[i]) > major(found[j]) })
	return found[0], nil
}

// missingProgram is the first program that dir lacks, empty if it has all.
func missingProgram(dir string) string {
	for _, name := range []string{"initdb", "postgres"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.IsDir() || st.Mode()&0o111 == 0 {
			return name
		}
	}
	return ""
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^\s]*)`)

func inspect(ctx context.Context, bindir, root string) (software, error) {
	fail := func(err error) (software, error) {
		return software{}, &cluster.EnvironmentError{
			Doing: "asking " + filepath.Join(bindir, "postgres") + " for its version", Err: err,
			Way: "name another PostgreSQL with --set bindir=DIRECTORY",
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bindir, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return fail(fmt.Errorf("%w: %s", err, out))
	}
	sw, err := parseVersion(out)
	if err != nil {
		return fail(err)
	}
	// The programs may be reached through links, but find their libraries beside
	// their real place.
	real, err := filepath.EvalSymlinks(filepath.Join(bindir, "postgres"))
	if err != nil {
		return fail(err)
	}
	sw.bindir, sw.root = filepath.Dir(real), root
	return sw, nil
}

// parseVersion reads what postgres --version prints.
func parseVersion(out []byte) (software, error) {
	m := versionText.FindStringSubmatch(string(out))
	if m == nil {
		return software{}, fmt.Errorf("it answers %q", out)
	}
	major, err := strconv.Atoi(m[2])
	if err != nil || major < oldest {
		return software{}, fmt.Errorf("it is version %s, and %d or newer is needed", m[1], oldest)
	}
	return software{version: m[1], major: major}, nil
}

// Fetched is the fetched PostgreSQL.
func Fetched(ctx context.Context, cfg targets.Config) (targets.Software, error) {
	st := newStore(cfg.Cache, nil)
	if err := st.check(); err != nil {
		return targets.Software{}, st.presentError(err)
	}
	sw, err := inspect(ctx, st.bindir(), st.tree())
	return targets.Software{Version: sw.version, Dir: sw.root}, err
}
