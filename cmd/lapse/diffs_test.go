package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDiffs keeps the diffs of the pages "add a ..." true: every line that one of them
// adds to a file stands in that file, in the order in which it is shown; the file's may
// have become longer since.
func TestDiffs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/add-a-*.md")
	if err != nil || len(pages) < 4 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		diffs, added := 0, 0
		for i, block := range strings.Split(string(text), "```diff\n") {
			if i == 0 {
				continue
			}
			diff, _, _ := strings.Cut(block, "```")
			diffs++
			added += checkDiff(t, filepath.Base(page), diff)
		}
		if diffs == 0 || added < 5 {
			t.Errorf("%s shows %d diffs with %d lines", page, diffs, added)
		}
	}
}

// checkDiff counts the lines that the diff adds.
func checkDiff(t *testing.T, page, diff string) (added int) {
	t.Helper()
	var name string
	var rest []string
	for line := range strings.Lines(diff) {
		line = strings.TrimRight(line, "\n")
		if file, ok := strings.CutPrefix(line, "+++ b/"); ok {
			b, err := os.ReadFile("../../" + file)
			if err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			name, rest = file, strings.Split(string(b), "\n")
			continue
		}
		line, ok := strings.CutPrefix(line, "+")
		if !ok || strings.TrimSpace(line) == "" {
			continue
		}
		added++
		at := 0
		for at < len(rest) && !strings.HasPrefix(strings.TrimSpace(rest[at]), strings.TrimSpace(line)) {
			at++
		}
		if at == len(rest) {
			t.Errorf("%s: %s has no line (or not after the one before): %s", page, name, line)
			continue
		}
		rest = rest[at+1:]
	}
	return added
}
