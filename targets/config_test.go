package targets_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets"
)

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		least, most int
		want        string
	}{{1, 1, "one node"}, {1, 9, "1 to 9 nodes"}, {2, 9, "2 to 9 nodes"}} {
		if got := (targets.Info{MinNodes: c.least, MaxNodes: c.most}).Sizes(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

var completed = targets.Info{
	Name: "db", ReadLevels: []string{"strong", "weak"}, WriteLevels: []string{"one"}, DefaultNodes: 3,
	Options: []targets.Option{{Name: "disk", Default: "on", Values: []string{"on", "off"}}},
}

// TestComplete: what is open gets its default, what is said stays, and completing again
// changes nothing.
func TestComplete(t *testing.T) {
	got, err := targets.Complete(completed, targets.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Nodes != 3 || got.ReadLevel != "strong" || got.WriteLevel != "one" || got.OpTimeout != targets.DefaultOpTimeout || got.Options["disk"] != "on" {
		t.Errorf("nothing was said: %+v", got)
	}
	said := targets.Config{Nodes: 1, ReadLevel: "weak", WriteLevel: "two", OpTimeout: time.Second, Options: map[string]string{"disk": "off"}}
	for range 2 {
		if said, err = targets.Complete(completed, said); err != nil {
			t.Fatal(err)
		}
		if said.Nodes != 1 || said.ReadLevel != "weak" || said.WriteLevel != "two" || said.OpTimeout != time.Second || said.Options["disk"] != "off" {
			t.Errorf("all was said: %+v", said)
		}
	}
}

// TestCheckLevels: the error names the flag, the value and those that there are.
func TestCheckLevels(t *testing.T) {
	for _, c := range []struct{ read, write, want string }{
		{"weak", "one", ""},
		{"quorum", "one", "--read-level quorum: db has strong, weak"},
		{"weak", "two", "--write-level two: db has one"},
	} {
		err := targets.CheckLevels(completed, targets.Config{ReadLevel: c.read, WriteLevel: c.write})
		var usage *targets.UsageError
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, %s: %v, want %q", c.read, c.write, err, c.want)
		}
	}
}
