//go:build acceptance

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
)

// TestHuntPower measures how long it takes until the first violation of each planted
// defect of quorumkv, from nothing but target, levels, options and models: by lapse run
// with one seed after the other, and by lapse hunt, taking turns. LAPSE_DEFECTS names the
// defects (empty: all), LAPSE_TRIES how often each is tried, LAPSE_CAP after how long a try
// is given up, LAPSE_RUN what lapse run is told besides, LAPSE_BEFORE the program of another
// build that is lapse run (empty: this one).
func TestHuntPower(t *testing.T) {
	tries, err := strconv.Atoi(or("LAPSE_TRIES", "3"))
	if err != nil || tries < 1 {
		t.Fatalf("LAPSE_TRIES: %v", err)
	}
	limit, err := time.ParseDuration(or("LAPSE_CAP", "5m"))
	if err != nil {
		t.Fatalf("LAPSE_CAP: %v", err)
	}
	random := strings.Fields(or("LAPSE_RUN", "--faults thorough --duration 30s"))
	before := or("LAPSE_BEFORE", "lapse")
	cases := runs.SelftestCases(time.Second)
	if only := os.Getenv("LAPSE_DEFECTS"); only != "" {
		if cases, err = chooseCases(cases, strings.Split(only, ",")); err != nil {
			t.Fatal(err)
		}
	}
	var sumRun, sumHunt time.Duration
	fmt.Printf("%-24s %10s %10s %7s  %s\n", "defect", "run", "hunt", "ratio", "tries: run/hunt in seconds, > where nothing was found")
	for _, c := range cases {
		var byRun, byHunt []time.Duration
		var told []string
		for try := range tries {
			seed := uint64(1000*(try+1)) + uint64(len(c.Defect))
			r, found := untilViolated(t, limit, seed, before, append([]string{"run"}, append(asked(c), random...)...))
			h, hunted := untilViolated(t, limit, seed, "lapse", append([]string{"hunt", "--no-shrink", "--budget", limit.String()}, asked(c)...))
			byRun, byHunt = append(byRun, r), append(byHunt, h)
			told = append(told, seconds(r, found)+"/"+seconds(h, hunted))
		}
		r, h := median(byRun), median(byHunt)
		sumRun, sumHunt = sumRun+r, sumHunt+h
		fmt.Printf("%-24s %9.1fs %9.1fs %7.1f  %s\n", c.Defect, r.Seconds(), h.Seconds(), float64(r)/float64(h), strings.Join(told, " "))
	}
	fmt.Printf("%-24s %9.1fs %9.1fs %7.1f  medians of %d tries, given up after %s; run: %s\n", "sum", sumRun.Seconds(), sumHunt.Seconds(), float64(sumRun)/float64(sumHunt), tries, limit, strings.Join(random, " "))
}

func or(name, usual string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return usual
}

// asked are the flags that say what is tested and what must hold.
func asked(c runs.Case) []string {
	r := c.Defective()
	args := []string{"--target", r.Target, "--nodes", strconv.Itoa(r.Nodes), "--model", r.Models}
	if r.WriteLevel != "" {
		args = append(args, "--write-level", r.WriteLevel)
	}
	if r.ReadLevel != "" {
		args = append(args, "--read-level", r.ReadLevel)
	}
	for k, v := range r.Options {
		args = append(args, "--set", k+"="+v)
	}
	return args
}

// untilViolated carries a command of program out with one seed after the other until it ends with a
// violation, and says how long that took and whether it came to that.
func untilViolated(t *testing.T, limit time.Duration, seed uint64, program string, args []string) (time.Duration, bool) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "runs")
	began := time.Now()
	for {
		cmd := exec.CommandContext(t.Context(), program, append(args, "--seed", strconv.FormatUint(seed, 10), "--out", out, "--progress", "none")...)
		text, err := cmd.CombinedOutput()
		took := time.Since(began)
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		switch cmd.ProcessState.ExitCode() {
		case verdict.ExitViolated:
			return took, true
		case verdict.ExitHeld, verdict.ExitInconclusive:
		default:
			t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, text)
		}
		if took >= limit || args[0] == "hunt" {
			return took, false
		}
		seed++
	}
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func seconds(d time.Duration, found bool) string {
	text := strconv.FormatFloat(d.Seconds(), 'f', 1, 64)
	if !found {
		return ">" + text
	}
	return text
}
