package formats

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/lapse-test/lapse/history"
)

func cobraFormat() Format {
	return Format{
		Name:       "cobra",
		Summary:    "a directory of Cobra's T<n>.log files, one a session",
		isDir:      true,
		readPath:   readCobra,
		detectPath: func(path string) bool { return len(cobraLogs(path)) > 0 },
	}
}

// Numbers that Cobra reserves.
const (
	cobraInit    = 0xbebeebee // the transaction and write that made the initial values
	cobraNull    = 0xdeadbeef // a read of nothing
	cobraGCTrue  = 0x23332333 // bookkeeping of the garbage collection
	cobraGCFalse = 0x66666666
)

var cobraName = regexp.MustCompile(`^T(\d+)\.log$`)

// cobraLogs are the logs in the directory path, by number.
func cobraLogs(path string) []string {
	if !isDir(path) {
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	type numbered struct {
		n    int
		path string
	}
	var logs []numbered
	for _, e := range entries {
		m := cobraName.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		logs = append(logs, numbered{n, filepath.Join(path, e.Name())})
	}
	slices.SortFunc(logs, func(a, b numbered) int { return a.n - b.n })
	var paths []string
	for _, l := range logs {
		paths = append(paths, l.path)
	}
	return paths
}

// readCobra reads the logs of a directory. Values are the identifiers of
// writes, which Cobra makes unique. A transaction without its commit record is
// info, and so must be the last of its session.
func readCobra(path string) (*history.History, error) {
	logs := cobraLogs(path)
	if len(logs) == 0 {
		return nil, fmt.Errorf("%s: expected a directory with Cobra's T<n>.log files", Called(path))
	}
	c := newClockless("cobra", false)
	for s, log := range logs {
		in, err := load(log)
		if err != nil {
			return nil, err
		}
		if err := cobraSession(in, c, int32(s)); err != nil {
			return nil, err
		}
	}
	return c.history(&input{label: path})
}

// cobraSession reads one log of big-endian records.
func cobraSession(in *input, c *clocklessBuilder, session int32) error {
	pos := 0
	open := false
	var id int64
	for pos < len(in.data) {
		at := pos
		kind := in.data[pos]
		pos++
		n := map[byte]int{'S': 1, 'C': 1, 'W': 3, 'R': 4}[kind]
		if n == 0 {
			return in.errByte(at, "expected a record S, C, W or R, found %q", string(rune(kind)))
		}
		if len(in.data)-pos < 8*n {
			return in.errByte(at, "expected %d bytes after %c, found the end of the file", 8*n, kind)
		}
		var f [4]int64
		for i := range n {
			f[i] = int64(binary.BigEndian.Uint64(in.data[pos:]))
			pos += 8
		}
		if kind != 'S' && !open {
			return in.errByte(at, "expected S, the start of a transaction, found %c", kind)
		}
		switch kind {
		case 'S':
			if open {
				return in.errByte(at, "expected C, the commit of transaction %d, before the next S", id)
			}
			open, id = true, f[0]
		case 'C':
			if f[0] != id {
				return in.errByte(at, "expected the commit of transaction %d, found that of %d", id, f[0])
			}
			open = false
			c.end(session, history.OK)
		case 'W':
			if f[0] < minInt {
				return in.errByte(at, "expected a write identifier above %d, found %d", int64(minInt), f[0])
			}
			c.write(c.b.Key(cobraKey(f[1])), history.Value(f[0]))
		case 'R':
			wid := f[1]
			if wid == cobraGCTrue || wid == cobraGCFalse {
				continue
			}
			if wid < minInt {
				return in.errByte(at, "expected a write identifier above %d, found %d", int64(minInt), wid)
			}
			v := history.Value(wid)
			if wid == cobraInit || wid == cobraNull {
				v = history.Absent
			}
			c.read(c.b.Key(cobraKey(f[2])), v)
		}
	}
	if open {
		c.end(session, history.Info)
	}
	return nil
}

func cobraKey(hash int64) string { return strconv.FormatUint(uint64(hash), 10) }
