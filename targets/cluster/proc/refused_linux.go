package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// refusalWords are what lines of logs say, in small letters, when the kernel has refused
// something: the C library's and Go's words for EMFILE and ENOMEM, and those of programs that
// put it in their own, such as Python's, which cannot have the stack of another thread, and C++'s.
var refusalWords = map[cluster.Resource][]string{
	cluster.OpenFiles: {"too many open files"},
	cluster.Memory:    {"cannot allocate memory", "out of memory", "outofmemory", "out-of-memory", "memoryerror", "can't start new thread", "bad_alloc"},
}

// logMark is how long log files were at a time. They are known again under another name, because
// programs put their logs away by renaming them.
type logMark []fs.FileInfo

// markLogs is that of all files below dir now. A file that cannot be looked at is new later.
func markLogs(dir string) logMark {
	var mark logMark
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, unseen error) error {
		if unseen == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				mark = append(mark, info)
			}
		}
		return nil
	})
	return mark
}

// mostOfALog is how much of each file is read, from where it was marked.
const mostOfALog = 16 << 20

// of is how long the file was, 0 for one that is new or was begun anew.
func (m logMark) of(file fs.FileInfo) int64 {
	for _, was := range m {
		if os.SameFile(was, file) && was.Size() <= file.Size() {
			return was.Size()
		}
	}
	return 0
}

// since counts the lines that were written below dir since the mark and have one of words. Unread
// says that a file has grown by more than what is read of it.
func (m logMark) since(dir string, words []string) (lines int, unread bool, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a log may be put away at any time
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n, more, err := m.linesOf(path, words)
		lines += n
		unread = unread || more
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("reading logs: %w", err)
	}
	return lines, unread, nil
}

func (m logMark) linesOf(path string, words []string) (n int, unread bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	from := m.of(info)
	in := bufio.NewReader(io.NewSectionReader(f, from, mostOfALog))
	for {
		line, err := in.ReadString('\n')
		line = strings.ToLower(line)
		for _, w := range words {
			if strings.Contains(line, w) {
				n++
				break
			}
		}
		if errors.Is(err, io.EOF) {
			return n, info.Size()-from > mostOfALog, nil
		}
		if err != nil {
			return n, false, err
		}
	}
}

// acceptQueues is how many connections wait at each of the listening TCP sockets of a process
// for it to accept them, by the sockets' inodes; see proc_pid_net(5).
func acceptQueues(pid int) (map[string]int, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	entries, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, e := range entries {
		link, err := os.Readlink(dir + "/fd/" + e.Name())
		if inode, is := strings.CutPrefix(link, "socket:["); err == nil && is {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	out := map[string]int{}
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(dir + "/net/" + table)
		if errors.Is(err, fs.ErrNotExist) && table == "tcp6" {
			continue // a kernel without
		}
		if err != nil {
			return nil, err
		}
		for inode, waiting := range parseQueues(string(b)) {
			if own[inode] {
				out[inode] = waiting
			}
		}
	}
	return out, nil
}

// parseQueues reads /proc/PID/net/tcp: of a listening socket the second queue is how many
// wait.
func parseQueues(table string) map[string]int {
	const listening = "0A"
	out := map[string]int{}
	for _, line := range strings.Split(table, "\n") {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listening {
			continue
		}
		_, queue, _ := strings.Cut(f[4], ":")
		if n, err := strconv.ParseUint(queue, 16, 31); err == nil && n > 0 {
			out[f[9]] = int(n)
		}
	}
	return out
}
