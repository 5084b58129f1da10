package cluster

import (
	"regexp"
	"strings"
	"testing"
)

// TestNames compares with the expressions that say what is meant, on all short texts of the characters at which they differ and on texts at their bounds.
func TestNames(t *testing.T) {
	node := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	run := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	level := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,39}$`)
	texts := []string{""}
	for from := 0; len(texts[from]) < 3; from++ {
		for _, c := range []string{"a", "z", "A", "Z", "0", "9", "-", ".", "_", ":", "+", "/", "@", "[", "`", "{", " ", "\n", "\x00", "ä"} {
			texts = append(texts, texts[from]+c)
		}
	}
	for _, n := range []int{31, 32, 33, 39, 40, 41, 127, 128, 129} {
		texts = append(texts, strings.Repeat("a", n), strings.Repeat("A", n), "a"+strings.Repeat("-", n-1), strings.Repeat("a", n-1)+"-")
	}
	for _, text := range texts {
		if got, want := IsNodeName(text), node.MatchString(text); got != want {
			t.Errorf("IsNodeName(%q) is %t", text, got)
		}
		if got, want := IsName(text, 128, "._"), run.MatchString(text); got != want {
			t.Errorf("IsName(%q) of a run is %t", text, got)
		}
		if got, want := IsName(text, 40, "_.:+"), level.MatchString(text); got != want {
			t.Errorf("IsName(%q) of a level is %t", text, got)
		}
	}
}
