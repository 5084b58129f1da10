package dynamodb

import (
	"os"
	"strings"
	"testing"
)

// TestPage keeps docs/targets/dynamodb.md true: it names every option and level.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/targets/dynamodb.md")
	must(t, err)
	page, info := string(b), Target{}.Info()
	for _, o := range info.Options {
		if !strings.Contains(page, "| `"+o.Name+"` |") {
			t.Errorf("the option %s is not there", o.Name)
		}
	}
	for _, l := range append(info.ReadLevels, info.WriteLevels...) {
		if !strings.Contains(page, "`"+l+"`") {
			t.Errorf("the level %s is not there", l)
		}
	}
}
