package formats

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What a child of BenchmarkReaders is told: the file, its format, and whether it is to say how
// much memory the history takes.
const (
	envRead   = "LAPSE_READ"
	envFormat = "LAPSE_READ_FORMAT"
	envSize   = "LAPSE_READ_SIZE"
	envWrite  = "LAPSE_WRITE" // write it first, of so many operations
)

// TestMain reads one file and ends where BenchmarkReaders asks for that.
func TestMain(m *testing.M) {
	path := os.Getenv(envRead)
	if path == "" {
		os.Exit(m.Run())
	}
	if n := os.Getenv(envWrite); n != "" {
		if err := writeBenchOf(path, n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	h, _, err := Read(path, Options{Format: os.Getenv(envFormat)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(envSize) != "" {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		fmt.Println(s.HeapAlloc)
	}
	runtime.KeepAlive(h)
	os.Exit(0)
}

// BenchmarkReaders reads files of LAPSE_OPS operations (a million), each by a process of its own: user and system time and
// peak memory, the medians of LAPSE_ROUNDS (5), and how much memory the history takes: make bench-readers. LAPSE_BEFORE is a
// program that reads the file that it is given with the name of its format, in turn with this one. LAPSE_FILES names some of the files.
func BenchmarkReaders(b *testing.B) {
	n, rounds := numberOf(b, "LAPSE_OPS", 1_000_000), numberOf(b, "LAPSE_ROUNDS", 5)
	only := strings.Fields(strings.ReplaceAll(os.Getenv("LAPSE_FILES"), ",", " "))
	before := os.Getenv("LAPSE_BEFORE")
	dir := b.TempDir()
	if kept := os.Getenv("LAPSE_DIR"); kept != "" {
		dir = kept
	}
	for _, f := range benchFiles() {
		b.Run(f.name, func(b *testing.B) {
			if len(only) > 0 && !slices.Contains(only, f.name) {
				b.Skip("LAPSE_FILES does not name it")
			}
			path := filepath.Join(dir, f.name)
			// By another process: what starts one counts as its memory until it is another program.
			write := exec.CommandContext(b.Context(), os.Args[0])
			write.Env = append(os.Environ(), envRead+"="+path, envWrite+"="+strconv.Itoa(n))
			if out, err := write.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			read := exec.CommandContext(b.Context(), os.Args[0])
			read.Env = append(os.Environ(), envRead+"="+path, envFormat+"="+f.format)
			size := *read
			size.Env = append(slices.Clone(read.Env), envSize+"=1")
			out, err := size.CombinedOutput()
			if err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			held, err := strconv.Atoi(strings.TrimSpace(string(out)))
			if err != nil {
				b.Fatalf("%s: %v", out, err)
			}
			for b.Loop() {
				var now, old measured
				for range rounds {
					now.run(b, read)
					if before != "" {
						old.run(b, exec.CommandContext(b.Context(), before, path, f.format))
					}
				}
				now.report(b, "")
				if before != "" {
					old.report(b, "before-")
					b.ReportMetric(median(old.seconds)/median(now.seconds), "times-faster")
				}
			}
			b.ReportMetric(float64(held)/1e6, "history-MB")
			b.ReportMetric(0, "ns/op")
			if os.Getenv("LAPSE_DIR") == "" {
				_ = os.Remove(path) // all of them are more than a gigabyte
			}
		})
	}
}

func numberOf(b *testing.B, name string, otherwise int) int {
	b.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		b.Fatalf("%s=%s: expected a number above 0", name, s)
	}
	return n
}

// measured is what runs of one program took.
type measured struct{ seconds, megabytes []float64 }

func (m *measured) run(b *testing.B, c *exec.Cmd) {
	b.Helper()
	c = &exec.Cmd{Path: c.Path, Args: c.Args, Env: c.Env}
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", c, err, out)
	}
	m.seconds = append(m.seconds, (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds())
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.megabytes = append(m.megabytes, float64(u.Maxrss)*1024/1e6)
	}
}

func (m *measured) report(b *testing.B, prefix string) {
	b.ReportMetric(median(m.seconds), prefix+"cpu-s")
	b.ReportMetric(median(m.megabytes), prefix+"peak-MB")
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// writeBenchOf is writeBench for the file that is called as path ends, of n operations.
func writeBenchOf(path, n string) error {
	ops, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	for _, f := range benchFiles() {
		if f.name == filepath.Base(path) {
			return writeBench(path, f, ops)
		}
	}
	return fmt.Errorf("there is no file %s", path)
}

// writeBench writes f to path unless it is there.
func writeBench(path string, f benchFile, n int) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(to, 1<<20)
	if err := f.write(out, n); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return to.Close()
}

// TestBenchFiles: what make bench-readers reads is of the formats that it says, and holds as
// much as it says.
func TestBenchFiles(t *testing.T) {
	const n = 2000
	for _, f := range benchFiles() {
		path := filepath.Join(t.TempDir(), f.name)
		if err := writeBench(path, f, n); err != nil {
			t.Fatal(err)
		}
		h, format, err := Read(path, Options{})
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		mops := 0
		for i := range h.Ops {
			mops += len(h.Mops(&h.Ops[i]))
		}
		if format != f.format || mops != n {
			t.Errorf("%s: %s with %d micro-operations, want %s with %d", f.name, format, mops, f.format, n)
		}
	}
}
