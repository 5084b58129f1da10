package registry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// TestTargetPages wants a page of each target that names its levels and its settings.
func TestTargetPages(t *testing.T) {
	for _, target := range All() {
		info := target.Info()
		t.Run(info.Name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("..", "..", "docs", "targets", info.Name+".md"))
			if err != nil {
				t.Fatal(err)
			}
			page := string(b)
			for _, o := range info.Options {
				if !strings.Contains(page, "`"+o.Name+"`") && !strings.Contains(page, o.Name+"=") {
					t.Errorf("the page does not describe the setting %s", o.Name)
				}
			}
			for _, l := range append(info.ReadLevels, info.WriteLevels...) {
				if !strings.Contains(page, l) {
					t.Errorf("the page does not describe the level %s", l)
				}
			}
		})
	}
}

// TestProviders: what has to be asked for comes last.
func TestProviders(t *testing.T) {
	if got := strings.Join(providers.Names(Providers()), " "); got != "auto sandbox local docker external" {
		t.Error(got)
	}
	if hosts := providers.Hosts(Providers()); len(hosts) != 1 || hosts["kubernetes"] == nil {
		t.Errorf("whole runs are carried out by %v", hosts)
	}
	if got := providers.Containers(Providers()); got != "docker" {
		t.Errorf("images are of the provider %q", got)
	}
	if got := providers.Containers(providers.Native()); got != "" {
		t.Errorf("without an engine images are of the provider %q", got)
	}
}
