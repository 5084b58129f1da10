package software

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Debian is a server out of Debian's packages, or installed by whatever other means:
// what counts is that its programs are there.
type Debian struct {
	// Title is for people, such as "Redis".
	Title string
	// Packages are what apt-get installs, such as "redis-server".
	Packages []string
	// Programs are the names of the programs, the server first. Files are further files
	// that must be there, absolute, such as a library that the server loads; * stands for
	// anything within a name, and Programs.Paths has them by the last part of their names.
	Programs, Files []string
	// Dirs are where the programs may be besides PATH, absolute; * stands for anything
	// within a name, and the last match in order counts. Empty means /usr/sbin.
	Dirs []string
	// VersionArgs has the server print its version, of which Version takes its first
	// group, such as `v=([0-9.]+)`; nil asks for none.
	VersionArgs []string
	Version     *regexp.Regexp
	// Check, which may be nil, refuses a version.
	Check func(version string) error
}

var _ Source = Debian{}

// Install is the line that a user types who is not root.
func (d Debian) Install() string {
	return "sudo apt-get install --no-install-recommends " + strings.Join(d.Packages, " ")
}

// Find implements Source.
func (d Debian) Find(ctx context.Context, _ string) (Programs, error) {
	p := Programs{Paths: map[string]string{}}
	for _, name := range d.Programs {
		path := d.look(name)
		if path == "" {
			return p, missing(d.Title, fmt.Errorf("there is no program %s", name), "install it: "+d.Install())
		}
		p.Paths[name] = path
	}
	for _, file := range d.Files {
		found, _ := filepath.Glob(file) // a bad pattern finds nothing
		if len(found) == 0 {
			return p, missing(d.Title, fmt.Errorf("there is no %s", file), "install it: "+d.Install())
		}
		p.Paths[filepath.Base(file)] = found[0]
	}
	if d.Version == nil || len(d.Programs) == 0 {
		return p, nil
	}
	text, err := ask(ctx, p.Paths[d.Programs[0]], d.VersionArgs...)
	if err != nil {
		return p, missing(d.Title, err, "install it anew: "+d.Install())
	}
	m := d.Version.FindStringSubmatch(text)
	if m == nil {
		return p, missing(d.Title, fmt.Errorf("%s does not say its version but %q", p.Paths[d.Programs[0]], lastLine([]byte(text))), d.another(p))
	}
	p.Version = m[1]
	if d.Check != nil {
		if err := d.Check(p.Version); err != nil {
			return p, missing(d.Title, err, d.another(p))
		}
	}
	return p, nil
}

// another is the way out where the program that was found will not do: one of the packages' would not be found before it if it is
// none of theirs.
func (d Debian) another(found Programs) string {
	if !d.foreign(found) {
		return "install another one: " + d.Install()
	}
	return "take " + filepath.Dir(found.Paths[d.Programs[0]]) + " off the PATH; if there is no other one then: " + d.Install()
}

// look finds a program, empty if there is none.
func (d Debian) look(name string) string {
	if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) {
		return path
	}
	dirs := d.Dirs
	if len(dirs) == 0 {
		dirs = []string{"/usr/sbin"}
	}
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, name)) // a bad pattern finds nothing
		for i := len(found) - 1; i >= 0; i-- {
			if executable(found[i]) {
				return found[i]
			}
		}
	}
	return ""
}

// Fetch implements Source: as root, with apt-get there, the packages are installed;
// no daemon of theirs is started by that. For everybody else the error has the line
// to type.
func (d Debian) Fetch(ctx context.Context, cache string, progress func(string)) error {
	found, err := d.Find(ctx, cache)
	if err == nil || d.foreign(found) {
		return err
	}
	apt, lookErr := exec.LookPath("apt-get")
	if os.Geteuid() != 0 || lookErr != nil {
		return err
	}
	quiet(progress)("installing " + strings.Join(d.Packages, ", ") + " (apt-get, once)")
	out, aptErr := aptInstall(ctx, apt, d.Packages)
	if aptErr != nil && strings.Contains(string(out), "Unable to locate package") {
		if _, err := aptRun(ctx, apt, "update"); err == nil { // the lists were empty
			out, aptErr = aptInstall(ctx, apt, d.Packages)
		}
	}
	if aptErr != nil {
		return &cluster.EnvironmentError{
			Doing: "installing " + d.Title, Err: errors.Join(aptErr, errors.New(lastLine(out))),
			Way: "see why with: " + strings.TrimPrefix(d.Install(), "sudo "),
		}
	}
	_, err = d.Find(ctx, cache)
	return err
}

// foreign tells whether all that is wanted was found and the program that says the version is of no package: then another one of
// the packages' would not be found before it.
func (d Debian) foreign(found Programs) bool {
	if len(d.Programs) == 0 || len(found.Paths) < len(d.Programs)+len(d.Files) {
		return false
	}
	path := found.Paths[d.Programs[0]]
	own := slices.ContainsFunc([]string{"/usr/", "/bin/", "/sbin/"}, func(dir string) bool { return strings.HasPrefix(path, dir) })
	return !own || strings.HasPrefix(path, "/usr/local/")
}

func aptInstall(ctx context.Context, apt string, packages []string) ([]byte, error) {
	return aptRun(ctx, apt, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
}

// aptRun waits for another apt that holds the lock. RUNLEVEL=1 keeps the packages'
// scripts from starting daemons.
func aptRun(ctx context.Context, apt string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, apt, append([]string{"-q", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	return cmd.CombinedOutput()
}
