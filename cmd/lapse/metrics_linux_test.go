package main

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/results/store"
)

// TestMetricsOutside: what a run in the sandbox does is told at a port of the network
// outside, and the port is closed when the run has ended.
func TestMetricsOutside(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "lapse", "run", "--metrics", "0", "--duration", "10m", "--seed", "1", "--progress", "none", "--out", filepath.Join(dir, "runs"))
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, first := bufio.NewScanner(said), ""
	for first == "" && lines.Scan() {
		first, _ = strings.CutPrefix(lines.Text(), "metrics: ")
	}
	rest := make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
		}
		rest <- all.String()
	}()
	answered := regexp.MustCompile(`(?m)^lapse_operations_total\{operation="read",outcome="ok"\} [1-9]`)
	page, left := "", []string(nil)
	for !answered.MatchString(page) || len(left) == 0 {
		res, err := http.Get(first)
		if err != nil {
			t.Fatalf("%v, and the run says: %s", err, <-rest)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		page = string(b)
		left, _ = filepath.Glob(filepath.Join(dir, "runs", "2*", store.FileLive))
		time.Sleep(50 * time.Millisecond)
	}
	if !strings.Contains(page, `provider="sandbox"`) {
		t.Errorf("it was not in the sandbox:\n%s", page)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("it ended with %v", err)
	}
	if res, err := http.Get(first); err == nil {
		_ = res.Body.Close()
		t.Error("the port is still open")
	}
	if left, _ = filepath.Glob(filepath.Join(dir, "runs", "2*", store.FileLive)); len(left) != 0 {
		t.Errorf("%v is still there", left)
	}
}
