package suite

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/settings"
)

var update = flag.Bool("update", false, "rewrite the schemas and the tables of docs/suite-file.md")

const helpOptional = "where it is not to be had its cases are skipped, and that is said"

const (
	page  = "../docs/suite-file.md"
	begin = "<!-- keys -->\n"
	end   = "<!-- end of keys -->\n"
)

// keyTables writes a table for every type of the suite file, from the same tags that
// the parser and the schema use.
func keyTables() string {
	var b strings.Builder
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type, title string)
	walk = func(t reflect.Type, title string) {
		if seen[t] {
			return
		}
		seen[t] = true
		fmt.Fprintf(&b, "### %s\n\n| key | value | what it says |\n| --- | --- | --- |\n", title)
		if part, ok := partOf(t); ok {
			writeSettings(&b, part)
			return
		}
		var below []func()
		for f := range fields(t) {
			key, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key == "" || key == "-" {
				continue
			}
			need := ""
			if !strings.Contains(opts, "omitempty") {
				need = " (required)"
			}
			about, values := described(f.Tag.Get("jsonschema"))
			kind, inner := kindOf(f.Type)
			if len(values) > 0 {
				kind = "`" + strings.Join(values, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", key, need, kind, about)
			if inner != nil {
				name := key
				below = append(below, func() { walk(inner, "`"+name+"`") })
			}
		}
		b.WriteString("\n")
		for _, f := range below {
			f()
		}
	}
	walk(reflect.TypeFor[File](), "The file")
	return b.String()
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				for inner := range fields(f.Type) {
					if !yield(inner) {
						return
					}
				}
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

// partOf is the part of the file whose keys are settings.
func partOf(t reflect.Type) (string, bool) {
	switch t {
	case reflect.TypeFor[Target]():
		return settings.InTarget, true
	case reflect.TypeFor[Settings]():
		return settings.InSettings, true
	}
	return "", false
}

func writeSettings(b *strings.Builder, part string) {
	for _, s := range inPart(part) {
		kind := map[string]string{"list": "list: text", "map": "by name: text"}[s.Type()]
		if kind == "" {
			kind = s.Type()
		}
		if one := s.OneOf(); one != nil {
			kind = "`" + strings.Join(one, "`, `") + "`"
		}
		need, usual := "", ""
		if s.YAML == "kind" {
			need = " (required)"
		} else if s.Default != "" {
			usual = " (default " + s.Default + ")"
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s%s |\n", s.YAML, need, kind, s.Help, usual)
	}
	if part == settings.InTarget {
		fmt.Fprintf(b, "| `%s` | true or false | %s |\n", keyOptional, helpOptional)
	}
	b.WriteString("\n")
}

// described reads a tag of the schema: the description is its last part, and may
// have commas in it.
func described(tag string) (about string, values []string) {
	head, about, _ := strings.Cut(tag, "description=")
	for part := range strings.SplitSeq(head, ",") {
		if v, ok := strings.CutPrefix(part, "enum="); ok {
			values = append(values, v)
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(about, "\\,", ","), "|", "\\|"), values
}

// kindOf says in words what stands behind a key, and the type whose keys are its own.
func kindOf(t reflect.Type) (string, reflect.Type) {
	if _, ok := partOf(t); ok {
		return "keys of its own, below", t
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.Struct:
		return "keys of its own, below", t
	case reflect.Slice:
		kind, inner := kindOf(t.Elem())
		return "list: " + kind, inner
	case reflect.Map:
		kind, inner := kindOf(t.Elem())
		return "by name: " + kind, inner
	case reflect.Bool:
		return "true or false", nil
	case reflect.Int, reflect.Int64:
		return "whole number", nil
	case reflect.Float64:
		return "number", nil
	}
	return "text", nil
}

// TestSuiteFilePage keeps the page on suite files true: its tables are those of the
// types that read the file. -update rewrites them.
func TestSuiteFilePage(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the tables", page)
	}
	want := head + begin + "\n" + keyTables() + end + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Errorf("the keys of the suite file changed: go generate ./suite rewrites the tables of %s", page)
	}
	// Each example of a whole file on the page is one that can be read.
	examples := 0
	for i, block := range strings.Split(string(b), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if !strings.Contains(text, "apiVersion:") {
			continue
		}
		examples++
		if _, err := Parse(fmt.Sprintf("example %d", i+1), []byte(text)); err != nil {
			t.Error(err)
		}
	}
	if examples == 0 {
		t.Error("the page has no example")
	}
}
