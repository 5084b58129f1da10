package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fenced  = regexp.MustCompile("(?s)```.*?```")
	linked  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	inLink  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
)

// anchorsOf are the fragments by which the headings of a page can be linked to, as the hosts of repositories make them.
func anchorsOf(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		text := strings.ToLower(inLink.ReplaceAllString(strings.TrimSpace(m[1]), "$1"))
		all[strings.ReplaceAll(notSlug.ReplaceAllString(text, ""), " ", "-")] = true
	}
	return all
}

// brokenLinks are the links of a page at path, in a tree of pages, that lead to no file or to no heading of a page.
func brokenLinks(t *testing.T, path string) (broken []string, n int) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range linked.FindAllStringSubmatch(fenced.ReplaceAllString(string(page), ""), -1) {
		if strings.HasPrefix(m[1], "http") {
			continue
		}
		n++
		file, anchor, _ := strings.Cut(m[1], "#")
		to := path
		if file != "" {
			to = filepath.Join(filepath.Dir(path), file)
		}
		if _, err := os.Stat(to); err != nil {
			broken = append(broken, m[1])
			continue
		}
		if anchor == "" || filepath.Ext(to) != ".md" {
			continue
		}
		there, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if !anchorsOf(string(there))[anchor] {
			broken = append(broken, m[1])
		}
	}
	return broken, n
}

// TestLinks: every link from one page of the repository to another leads somewhere.
func TestLinks(t *testing.T) {
	root, all := filepath.Join("..", ".."), 0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" && !strings.Contains(path, "lapse-runs") {
			broken, n := brokenLinks(t, path)
			all += n
			for _, to := range broken {
				t.Errorf("%s: %s leads nowhere", path, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if all < 200 {
		t.Errorf("only %d links were found", all)
	}
}

// TestBrokenLinks: what the test above looks for is found.
func TestBrokenLinks(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	text := "# One `thing`, two\n\n[a](page.md) [b](#one-thing-two) [c](other.md) [d](#three) [e](page.md#one-thing) [f](https://example.com/#x)\n\n```\n# three\n[g](nowhere.md)\n```\n"
	if err := os.WriteFile(page, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	broken, n := brokenLinks(t, page)
	if got := strings.Join(broken, " "); got != "other.md #three page.md#one-thing" || n != 5 {
		t.Errorf("of %d links these are broken: %s", n, got)
	}
}
