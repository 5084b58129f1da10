package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestBadOptions: a value that an option has not is refused by its name, with those that it has.
func TestBadOptions(t *testing.T) {
	tried := map[string]bool{}
	for _, target := range registry.All() {
		info := target.Info()
		for _, o := range info.Options {
			if len(o.Values) == 0 {
				continue
			}
			tried[info.Name+" "+o.Name] = true
			_, err := target.Resolve(targets.Config{Nodes: info.DefaultNodes, Options: map[string]string{o.Name: "no-such-value"}})
			var usage *targets.UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--set "+o.Name+"=") || !strings.Contains(err.Error(), strings.Join(o.Values, ", ")) {
				t.Errorf("%s %s: %v", info.Name, o.Name, err)
			}
		}
	}
	for _, name := range []string{"postgres fsync", "postgres full_page_writes"} {
		if !tried[name] {
			t.Errorf("no bad value of %s was tried", name)
		}
	}
}
