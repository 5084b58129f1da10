package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plan carries out `quorumkv plan` with these arguments.
func plan(args ...string) (string, error) {
	var out bytes.Buffer
	c := Command()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors = true
	c.SetArgs(append([]string{"plan"}, args...))
	err := c.Execute()
	return out.String(), err
}

// Every plan that the README shows is what the command prints.
func TestReadmePlans(t *testing.T) {
	shown := 0
	for _, block := range strings.Split(readme(t), "```console\n$ lapse quorumkv plan ")[1:] {
		text, _, closed := strings.Cut(block, "```")
		args, want, _ := strings.Cut(text, "\n")
		got, err := plan(strings.Fields(args)...)
		if err != nil || !closed || got != want {
			t.Errorf("plan %s: %v\n got %s\nwant %s", args, err, got, want)
		}
		shown++
	}
	if shown < 2 {
		t.Errorf("the README shows %d plans", shown)
	}
}

// The keys of a file decide, and one that is there twice counts once.
func TestPlanReadsKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("d\na\nb\na\nc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := plan("--nodes", "n1,n2,n3", "--join", "n4", "--replication", "2", "--partitioner", "range",
		"--split-points", "b", "--split-points", "c", "--split-points", "d", "--keys", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"; 4 keys\n", "25 % of the replicas (2 of 8); between even placements it is 25 % at least\n", "50 % have other replicas"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	three := []string{"--nodes", "n1,n2,n3"}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"nothing":        {nil, "--nodes: name all nodes"},
		"no change":      {three, "--join, --leave: name at least one node"},
		"joins twice":    {append(three, "--join", "n4,n4"), "--join: n4 is named twice"},
		"is in":          {append(three, "--join", "n3"), "--join: n3 is one of --nodes already"},
		"is not in":      {append(three, "--leave", "n4"), "--leave: n4 is none of --nodes"},
		"bad name":       {append(three, "--join", "n 4"), "--join: "},
		"too few before": {[]string{"--nodes", "n1,n2", "--join", "n3"}, "as it is: replication"},
		"too few then":   {append(three, "--leave", "n1"), "after the change: replication"},
		"partitioner":    {append(three, "--join", "n4", "--partitioner", "hash"), `"hash" is not ring, modulo or range`},
		"range, no keys": {append(three, "--join", "n4", "--partitioner", "range"), "--keys: partitioner range places keys by their bytes"},
		"no file":        {append(three, "--join", "n4", "--keys", filepath.Join(dir, "none")), "--keys: open "},
		"no keys":        {append(three, "--join", "n4", "--keys", file("empty", "")), "has no keys"},
		"empty key":      {append(three, "--join", "n4", "--keys", file("gap", "a\n\nb\n")), "gap:2: a key has 1 to 512 bytes, this one has 0"},
		"long key":       {append(three, "--join", "n4", "--keys", file("long", strings.Repeat("k", 513))), "this one has 513"},
		"endless key":    {append(three, "--join", "n4", "--keys", file("endless", "a\n"+strings.Repeat("k", 5000))), "after 1 keys: "},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := plan(tc.args...)
			var wrong *ConfigError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tc.want) || out != "" {
				t.Errorf("%v, want one with %q; printed %q", err, tc.want, out)
			}
		})
	}
}
