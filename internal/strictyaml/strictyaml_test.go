package strictyaml

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type doc struct {
	Name string `yaml:"name"`
	List []int  `yaml:"list"`
}

func TestUnmarshal(t *testing.T) {
	var d doc
	if err := Unmarshal([]byte("name: a\nlist: [1, 2]\n"), &d); err != nil || d.Name != "a" || len(d.List) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	for name, c := range map[string]struct{ text, says string }{
		"unknown key":     {"name: a\nnome: b\n", `[2:1] unknown field "nome"`},
		"key twice":       {"name: a\nname: b\n", "[2:1]"},
		"type":            {"list: 7\n", "[1:7]"},
		"no YAML":         {"name: [\n", "[1:"},
		"larger than it":  {strings.Repeat("#", MaxBytes+1), "are not read"},
		"brackets":        {"name: a\nlist: " + strings.Repeat("[", MaxDepth+1), "[2:1] here it is nested more than 200 deep"},
		"hyphens":         {"list:\n  " + strings.Repeat("- ", MaxDepth+1) + "1\n", "[2:1] here it is nested"},
		"anchors":         {"name: " + strings.Repeat("&a ", MaxDepth+1) + "b\n", "[1:1] here it is nested"},
		"after a quote":   {"name: [\"\n# \", " + strings.Repeat("[", MaxDepth+1), "[2:1] here it is nested"},
		"after a return":  {"name: a\n# a\rlist: " + strings.Repeat("[", MaxDepth+1), "[3:1] here it is nested"},
		"after a text":    {"name: |\n  [\nlist: " + strings.Repeat("[", MaxDepth+1), "[3:1] here it is nested"},
		"closed in texts": {"list: " + strings.Repeat("[\"]\",", MaxDepth+1), "[1:1] here it is nested"},
		"closed in notes": {"list:\n" + strings.Repeat(" [ # ]\n", MaxDepth+1), "here it is nested"},
		"tags":            {"name: " + strings.Repeat("!a ", MaxDepth+1) + "b\n", "[1:1] here it is nested"},
		"questions":       {strings.Repeat("? ", MaxDepth+1) + "a\n", "[1:1] here it is nested"},
		"braces":          {"name: " + strings.Repeat("{a: ", MaxDepth+1), "[1:1] here it is nested"},
		"keys":            {strings.Repeat("name:\n", MaxDepth+1), "[201:1] here it is nested"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Unmarshal([]byte(c.text), new(doc)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

// Of several unknown keys the first in the file is named, whatever is around it.
func TestFirstUnknownKey(t *testing.T) {
	type part struct {
		Name string           `yaml:"name"`
		More []map[string]doc `yaml:"more"`
	}
	type whole struct {
		Last  part            `yaml:"last"`
		First part            `yaml:"first"`
		Parts []part          `yaml:"parts"`
		Named map[string]part `yaml:"named"`
	}
	for text, says := range map[string]string{
		"zeta: 1\nalpha: 2\nbeta: 3\nlast: {name: a}\n":                              `[1:1] unknown field "zeta"`,
		"last: {name: a, zeta: 1, alpha: 2, beta: 3}\n":                              `[1:17] unknown field "zeta"`,
		"first: {name: a, zeta: 1}\nlast:\n  beta: 1\n  alpha: 2\n":                  `[1:18] unknown field "zeta"`,
		"named:\n  b: {ab: 1, a: 2}\n  a: {b: 1}\nlast: {c: 1}\nd: 4\n":              `[2:7] unknown field "ab"`,
		"parts:\n- name: a\n- more:\n  - x: {names: 1, lists: 2}\n- nome: b\nd: 4\n": `[4:9] unknown field "names"`,
		"parts: [{z: 1}, {y: 2}]\nnamed: {x: {w: 1}}\n":                              `[1:10] unknown field "z"`,
	} {
		for range 20 {
			if err := Unmarshal([]byte(text), new(whole)); err == nil || !strings.HasPrefix(err.Error(), says) {
				t.Fatalf("%s\nerror %v does not say %q", text, err, says)
			}
		}
	}
}

// panics stands for what the library does on some malformed texts.
type panics struct{}

func (panics) UnmarshalYAML([]byte) error { panic("as the library does") }

func TestPanicIsAnError(t *testing.T) {
	var d struct {
		Name *panics `yaml:"name"`
	}
	if err := Unmarshal([]byte("name: a\n"), &d); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

// What is nested as deep as may be, or holds many brackets that are closed, is read.
func TestDepth(t *testing.T) {
	open := strings.Repeat("[{", MaxDepth+1)
	for name, text := range map[string]string{
		"deep":   "list: " + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + "\n",
		"closed": "name: " + strings.Repeat("a[]{}", MaxDepth+1) + "\n",
		"list":   "list:\n" + strings.Repeat("  - 1\n", MaxDepth+1),
		"text":   "name: |\n  " + open + "\n",
		"folded": "name: >-\n  " + open + "\n\n  " + open + "\nlist: [1]\n",
		"plain":  "name: a" + open + "\n",
		"single": "name: '" + open + "'\n",
		"double": "name: \"" + open + "\"\n",
		"words":  "name: |\n  " + strings.Repeat("a:\n  - ", MaxDepth+1) + "\n",
		"ends":   "name: a # " + open + "\n",
		"notes":  "name: a\n" + strings.Repeat("# half open: [0, 10)\n", MaxDepth+1),
	} {
		err := Unmarshal([]byte(text), new(doc))
		if err != nil && (name != "deep" || strings.Contains(err.Error(), "nested")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The library's time has a bound.
func TestWithin(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	err := within(time.Nanosecond, func() error { <-never; return nil })
	if err == nil || !strings.Contains(err.Error(), "make it smaller") {
		t.Errorf("got %v", err)
	}
}

// What is quoted of a file fits a terminal and holds no command for it.
func TestExcerpt(t *testing.T) {
	long := "name: " + strings.Repeat("a", 1000) + "\x1b[31m\nlist: [" + strings.Repeat("x, ", 1000) + "]\n"
	err := Unmarshal([]byte(long), new(doc))
	if err == nil {
		t.Fatal("it was read")
	}
	for line := range strings.Lines(err.Error()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width+3 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if strings.ContainsRune(err.Error(), '\x1b') || strings.ContainsRune(Quote("a\x1b[31m"), '\x1b') {
		t.Errorf("an escape sequence: %q", err)
	}
	at := excerpt("[1:300] wrong\n>  1 | " + strings.Repeat("b", 293) + "HERE" + strings.Repeat("b", 500) + "\n" + strings.Repeat(" ", 300) + "^")
	_, quoted, _ := strings.Cut(at, "\n")
	source, caret, _ := strings.Cut(quoted, "\n")
	if place := strings.Index(caret, "^"); place < 0 || !strings.HasPrefix(source[place:], "HERE") {
		t.Errorf("the caret is not below its place:\n%s", at)
	}
}

func TestLocate(t *testing.T) {
	text := Open([]byte("name: a\nlist: [1, 2]\n"))
	if line, column := text.Locate("$.list[1]"); line != 2 || column != 11 {
		t.Errorf("%d:%d", line, column)
	}
	for _, path := range []string{"$.none", "$.list[7]", "no path"} {
		if line, column := text.Locate(path); line != 0 || column != 0 {
			t.Errorf("%s is at %d:%d", path, line, column)
		}
	}
	if line, _ := Open([]byte("name: [\n")).Locate("$.name"); line != 0 {
		t.Errorf("no YAML has a line %d", line)
	}
}
