package launch

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster/external"
)

const (
	// linesMost is how many lines of a log are told, followMost how many after the last complaint.
	linesMost, followMost = 5, 3
	// tailMost is how much of the end of a log is looked at, in bytes.
	tailMost = 1 << 20
)

// LastWords says where the log of node i is, and the last complaints in it with what follows them, or if it has none its last
// lines, without the secrets of the environment and of f.
func (f *Fleet) LastWords(i int) string {
	path := filepath.Join(f.Nodes[i].LogDir(), f.Log)
	last := f.lastLines(path)
	if len(last) == 0 {
		return "its log is " + path
	}
	return fmt.Sprintf("its log %s says: %s", path, strings.Join(last, " | "))
}

// Words are the last words of these nodes, of all if none is named, on one line.
func (f *Fleet) Words(nodes ...int) string {
	var words []string
	for i, n := range f.Nodes {
		if len(nodes) == 0 || slices.Contains(nodes, i) {
			words = append(words, n.Name()+": "+f.LastWords(i))
		}
	}
	return strings.Join(words, "; ")
}

// lastLines are the last lines of a file that complain, with some that follow the last of them; of one in which none does the last
// that are not empty.
func (f *Fleet) lastLines(path string) []string {
	var complaints, follow, all []string
	for line := range bytes.Lines(tail(path)) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case strings.TrimSpace(text) == "":
		case f.complains(text):
			complaints, follow = keep(complaints, text), nil
		case len(complaints) == 0:
			all = keep(all, text)
		case len(follow) < followMost && !strings.HasPrefix(text, "\t"): // the frames of a stack are no news
			follow = append(follow, text)
		}
	}
	if len(complaints) > 0 {
		all = slices.Concat(complaints, follow)
	}
	for i, line := range all {
		all[i] = external.Line(line, f.Secrets...)
	}
	return all
}

// complains says whether a line tells what went wrong, be it in words of the system's and of those who start programs, which any
// server may pass on.
func (f *Fleet) complains(line string) bool {
	if f.Complaint != nil && f.Complaint(line) {
		return true
	}
	line = strings.ToLower(line)
	return slices.ContainsFunc([]string{
		"address already in use", "cannot allocate memory", "error while loading shared libraries", "flag provided but not defined",
		"no space left on device", "permission denied", "too many open files", "unrecognized option", "unknown option",
	}, func(words string) bool { return strings.Contains(line, words) })
}

// keep is lines with one more, and without the first where there are too many.
func keep(lines []string, line string) []string {
	lines = append(lines, line)
	return lines[max(0, len(lines)-linesMost):]
}

// tail is the end of a file, from the beginning of a line; of one that cannot be read nothing, for then its path has to do.
func tail(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }() // it was only read
	skipped := int64(0)
	if st, err := file.Stat(); err == nil {
		skipped = max(0, st.Size()-tailMost)
	}
	b, err := io.ReadAll(io.NewSectionReader(file, skipped, tailMost))
	if err != nil {
		return nil
	}
	if skipped > 0 {
		_, b, _ = bytes.Cut(b, []byte("\n")) // a line that has lost its beginning may have lost the name of what it tells
	}
	return b
}
