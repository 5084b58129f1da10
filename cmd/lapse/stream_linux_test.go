package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCheckStream compares, on the same file of LAPSE_OPS register operations (ten
// million; 50 clients, 10,000 keys), lapse check part by part with lapse check of the whole
// in memory, each as a process of its own, in turn: make bench-stream. LAPSE_WHOLE=0 leaves
// the whole out, for files that would not fit. LAPSE_BEFORE is a lapse of another commit, which checks as it does by itself.
func BenchmarkCheckStream(b *testing.B) {
	ops := 10_000_000
	if s := os.Getenv("LAPSE_OPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatalf("LAPSE_OPS=%s: expected a number", s)
		}
		ops = n
	}
	dir := b.TempDir()
	path := filepath.Join(dir, "h.lapse")
	if out, err := exec.CommandContext(b.Context(), recordCommand, path, strconv.Itoa(ops)).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	models := os.Getenv("LAPSE_MODELS")
	if models == "" {
		models = "linearizable"
	}
	check := []string{"check", path, "--model", models, "--check-time", "10m", "--cache", dir}
	for b.Loop() {
		if os.Getenv("LAPSE_WHOLE") != "0" {
			measureCheck(b, "whole", "lapse", append(check, "--stream=false"))
		}
		measureCheck(b, "stream", "lapse", append(check, "--stream"))
		if before := os.Getenv("LAPSE_BEFORE"); before != "" {
			measureCheck(b, "before", before, check)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// measureCheck runs the lapse program, which must find that the models held, and reports what it took.
func measureCheck(b *testing.B, name, program string, args []string) {
	b.Helper()
	began := time.Now()
	c := exec.CommandContext(b.Context(), program, args...)
	out, err := c.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, out)
	}
	b.ReportMetric(time.Since(began).Seconds(), name+"-s")
	b.ReportMetric((c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds(), name+"-cpu-s")
	b.ReportMetric(peakMB(c.ProcessState), name+"-MB")
}

// peakMB is the most memory that an ended process had, in megabytes.
func peakMB(p *os.ProcessState) float64 {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		return float64(u.Maxrss) / 1000
	}
	return 0
}
