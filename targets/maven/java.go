package maven

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Java is what a software runs on.
type Java struct {
	// For is the software's name in messages; empty is the Title of the Software.
	For string
	// Min and Max are the feature versions that serve, such as 17. Max 0 means
	// any newer one.
	Min, Max int
	// Install names a package of the usual systems; empty is Debian's for Min and Max.
	Install string

	// installed replaces the directory of installed Javas in tests.
	installed string
}

// Runtime is a Java that was found.
type Runtime struct {
	// Path is the java executable.
	Path string
	// Version is its feature version: 17 for 17.0.15, 8 for 1.8.0.
	Version int
}

func (j Java) wanted() string {
	switch j.Max {
	case 0:
		return fmt.Sprintf("Java %d or newer", j.Min)
	case j.Min:
		return fmt.Sprintf("Java %d", j.Min)
	}
	return fmt.Sprintf("Java %d to %d", j.Min, j.Max)
}

func (j Java) serves(version int) bool {
	return version >= j.Min && (j.Max == 0 || version <= j.Max)
}

// javaTimeout is for asking a Java for its version; on a loaded machine its start
// takes a second or two.
const javaTimeout = 20 * time.Second

// Find looks for a Java that serves: the one of JAVA_HOME, that on the PATH, then
// those in the usual place of Linux distributions. The error is a
// *cluster.EnvironmentError that says what was found instead.
func (j Java) Find(ctx context.Context) (Runtime, error) {
	installed := j.installed
	if installed == "" {
		installed = "/usr/lib/jvm"
	}
	ctx, cancel := context.WithTimeout(ctx, javaTimeout)
	defer cancel()
	var candidates []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, "bin", "java"))
	}
	if path, err := exec.LookPath("java"); err == nil {
		candidates = append(candidates, path)
	}
	more, _ := filepath.Glob(filepath.Join(installed, "*", "bin", "java"))
	candidates = append(candidates, more...)

	reason := errors.New("no java on the PATH, in JAVA_HOME or in " + installed)
	tried := map[string]bool{}
	for i, path := range candidates {
		path, err := filepath.Abs(path)
		if err != nil || tried[path] {
			continue
		}
		tried[path] = true
		version, err := javaVersion(ctx, path)
		if err == nil && j.serves(version) {
			return Runtime{path, version}, nil
		}
		if err == nil {
			err = fmt.Errorf("%s is Java %d", path, version)
		}
		if i == 0 {
			reason = err
		}
	}
	return Runtime{}, &cluster.EnvironmentError{
		Doing: fmt.Sprintf("looking for a Java for %s, which needs %s", j.For, j.wanted()), Err: reason,
		Way: fmt.Sprintf("install %s, or set JAVA_HOME to one", j.install()),
	}
}

func (j Java) install() string {
	switch {
	case j.Install != "":
		return j.Install
	case j.Max == 0:
		return fmt.Sprintf("a Java runtime of version %d or newer (Debian: apt-get install default-jre-headless)", j.Min)
	}
	return fmt.Sprintf("a Java %d runtime (Debian: apt-get install openjdk-%d-jre-headless)", j.Max, j.Max)
}

// Small are the arguments by which a Java is content with little: for a server of which
// nobody measures the speed. Its temporary files go to tmp.
func Small(tmp string) []string {
	return []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.io.tmpdir=" + tmp}
}

var versionLine = regexp.MustCompile(`version "(\d+)(?:\.(\d+))?`)

// parseVersion reads the feature version out of what java -version prints.
func parseVersion(out string) (int, error) {
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		return 0, errors.New("it does not tell its version")
	}
	major := m[1]
	if major == "1" && m[2] != "" {
		major = m[2] // 1.8.0 is Java 8
	}
	return strconv.Atoi(major)
}

func javaVersion(ctx context.Context, path string) (int, error) {
	cmd := exec.CommandContext(ctx, path, "-version")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return 0, fmt.Errorf("asking %s for its version: %w: %s", path, err, said)
	}
	version, err := parseVersion(string(out))
	if err != nil {
		return 0, fmt.Errorf("asking %s for its version: %w", path, err)
	}
	return version, nil
}
