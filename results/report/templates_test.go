package report

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unescaped are the only values that pages take as they are: the constants of this
// package and its server, what results/svg made, and the series as base64.
var unescaped = []string{
	`templ.Raw("<style>" + css + "</style>")`,
	`templ.Raw("<script>" + js + "</script>")`,
	`templ.Raw("<style>" + styleText + "</style>")`,
	`templ.Raw(c.SVG)`,
	`templ.Raw(w.Picture)`,
	`templ.SafeURL(p.Series)`,
}

// TestTemplates: nothing else gets into a page without being escaped for its place, and
// the generated code is that of the templates; `make pages` makes it anew.
func TestTemplates(t *testing.T) {
	var templates []string
	for _, dir := range []string{".", "server"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.templ"))
		if err != nil {
			t.Fatal(err)
		}
		templates = append(templates, found...)
	}
	if len(templates) < 4 {
		t.Fatalf("only these templates were found: %v", templates)
	}
	raw := regexp.MustCompile(`(templ\.(Raw|SafeURL|SafeCSS|JSExpression|JSUnsafe\w*|SafeCSSProperty|ComponentScript|ComponentFunc|FromGoHTML)|@templ\.JSFuncCall)\b`)
	place := regexp.MustCompile(`templ\.\w+Errs?\((.*)\)\n(?:.*\n){1,2}.*FileName: .*, Line: (\d+), Col: (\d+)`)
	for _, name := range templates {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			rest := line
			for _, known := range unescaped {
				rest = strings.ReplaceAll(rest, known, "")
			}
			if raw.MatchString(rest) || strings.Contains(rest, "<script") || strings.Contains(rest, "<style") || regexp.MustCompile(`\bon\w+=\{`).MatchString(rest) {
				t.Errorf("%s:%d: %s is not escaped, or stands where escaping does not help", name, i+1, strings.TrimSpace(line))
			}
		}
		generated, err := os.ReadFile(strings.TrimSuffix(name, ".templ") + "_templ.go")
		if err != nil {
			t.Fatal(err)
		}
		expressions := place.FindAllStringSubmatch(string(generated), -1)
		if len(expressions) < 5 {
			t.Fatalf("%s: only %d expressions were found in the generated code", name, len(expressions))
		}
		for _, m := range expressions {
			at, _ := strconv.Atoi(m[2])
			col, _ := strconv.Atoi(m[3])
			if at < 1 || at > len(lines) || col > len(lines[at-1]) || !strings.HasSuffix(lines[at-1][:col], m[1]) {
				t.Fatalf("the code generated from %s is not of line %d, column %d as it is now, %s: make pages makes it anew", name, at, col, m[1])
			}
		}
	}
}
