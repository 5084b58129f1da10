package hunt

import (
	"bufio"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// mostLog is how much of a node's log is looked at, and longestLine how much of a line.
const (
	mostLog     = 8 << 20
	longestLine = 160
)

// lineKinds are the kinds of lines in the logs below dir. They are numbers and not text:
// what a database writes may be anything, a secret too, and is not to be told.
func lineKinds(dir string) (map[uint64]bool, error) {
	kinds := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		lines := bufio.NewScanner(io.LimitReader(f, mostLog))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			kinds[kindOfLine(lines.Text())] = true
		}
		return nil // a line that is longer than any ends the reading of this file
	})
	return kinds, err
}

// kindOfLine is the same for lines that differ only in words with digits, such as times,
// numbers, names of nodes and addresses, and in what is in quotes.
func kindOfLine(line string) uint64 {
	if len(line) > longestLine {
		line = line[:longestLine]
	}
	sum := fnv.New64a()
	quoted, last := false, ""
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool {
		return unicode.IsSpace(r) || r == '=' || r == '(' || r == ')' || r == '[' || r == ']' || r == ','
	}) {
		opens := strings.Count(word, "'")%2 == 1
		if quoted || strings.Contains(word, "'") || strings.ContainsFunc(word, unicode.IsDigit) {
			word = "#"
		}
		quoted = quoted != opens
		if word == "#" && last == word {
			continue // one name, of however many words
		}
		last = word
		_, _ = sum.Write([]byte(word)) // it never fails
		_, _ = sum.Write([]byte{0})
	}
	return sum.Sum64()
}
