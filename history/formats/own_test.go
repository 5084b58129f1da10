package formats

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOwnLog runs the program of docs/formats.md on what it is for, and reads what it
// writes.
func TestOwnLog(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(page)
	if program == nil {
		t.Fatal("docs/formats.md has no program")
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", string(program[1]))
	cmd.Stdin = strings.NewReader(`[{"ClientId":0,"Input":{"Op":1,"Key":"x","Value":"a"},"Call":1,"Output":{"Value":""},"Return":10},
{"ClientId":1,"Input":{"Op":0,"Key":"x","Value":""},"Call":5,"Output":{"Value":"a"},"Return":12},
{"ClientId":2,"Input":{"Op":1,"Key":"y","Value":"b"},"Call":6,"Output":null,"Return":0}]`)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "own.jsonl")
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	h, _, err := Read(file, Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	const want = `s0 p0 ok write(x "a")
s1 p1 ok read(x)="a"
s2 p2 info write(y "b")
`
	if got := dump(h); got != want {
		t.Errorf("read as\n%s", got)
	}
}

// TestNoFormat: what is not recognised is told the way out.
func TestNoFormat(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"porcupine.json": `[{"ClientId":0,"Input":{"Op":1},"Call":0,"Output":{},"Return":10}]`,
		"columns.csv":    "process,type,f,value\n0,invoke,write,1\n",
		"ops.csv":        "ClientId,Input,Call,Output,Return\n0,w,0,ok,10\n",
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read(file, Options{}); err == nil || !strings.Contains(err.Error(), "docs/formats.md") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
