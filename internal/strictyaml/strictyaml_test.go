package strictyaml

import (
	"errors"
	"strings"
	"testing"
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
		"unknown key":    {"name: a\nnome: b\n", `[2:1] unknown field "nome"`},
		"key twice":      {"name: a\nname: b\n", "[2:1]"},
		"type":           {"list: 7\n", "[1:7]"},
		"no YAML":        {"name: [\n", "[1:"},
		"larger than it": {strings.Repeat("#", MaxBytes+1), "are not read"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Unmarshal([]byte(c.text), new(doc)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
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
