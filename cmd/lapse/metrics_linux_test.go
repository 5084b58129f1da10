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
	ctx, cancel := limited(t)
	cmd := exec.CommandContext(ctx, "lapse", "run", "--metrics", "0", "--duration", "10m", "--seed", "1", "--progress", "none", "--out", filepath.Join(dir, "runs"))
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
	get := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, first, nil)
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(req)
	}
	answered := regexp.MustCompile(`(?m)^lapse_operations_total\{operation="read",outcome="ok"\} [1-9]`)
	page, left := "", []string(nil)
	for !answered.MatchString(page) || len(left) == 0 {
		var b []byte
		res, err := get()
		if err == nil {
			b, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
		if err != nil {
			cancel() // what it says ends when it does
			t.Fatalf("%v, and the run says: %s; last it told:\n%s", err, <-rest, page)
		}
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
	if res, err := get(); err == nil {
		_ = res.Body.Close()
		t.Error("the port is still open")
	}
	if left, _ = filepath.Glob(filepath.Join(dir, "runs", "2*", store.FileLive)); len(left) != 0 {
		t.Errorf("%v is still there", left)
	}
}
