package main

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestWhoSyncsNothing: a database that is told to sync nothing has no slow disk: by its name it is refused with the setting, and the list of
// all faults leaves it out and keeps power failures. The pairs differ in the setting.
func TestWhoSyncsNothing(t *testing.T) {
	for _, c := range []struct {
		target, setting, lax, strict string
	}{
		{"postgres", "fsync", "off", "on"},
		{"redis", "appendfsync", "no", "everysec"},
		{"etcd", "unsafe_no_fsync", "true", "false"},
		{"quorumkv", "fsync", "false", "true"},
		{"quorumkv-raft", "fsync", "false", "true"},
	} {
		t.Run(c.target, func(t *testing.T) {
			target, mode, _ := strings.Cut(c.target, "-")
			for value, syncs := range map[string]bool{c.lax: false, c.strict: true} {
				plan := func(faults string) (int, string) {
					args := []string{"run", "--target", target, "--set", c.setting + "=" + value, "--faults", faults, "--fault-interval", "5s", "--duration", "10m", "--dry-run"}
					if mode != "" {
						args = append(args, "--set", "mode="+mode)
					}
					code, stdout, stderr := lapse(t, args...)
					return code, stdout + stderr
				}
				code, text := plan("slow-disk")
				if refused := strings.Contains(text, "with --set "+c.setting+"="+value+" nothing is synced"); refused == syncs || (code == verdict.ExitHeld) != syncs {
					t.Errorf("%s=%s, by its name: exit %d: %s", c.setting, value, code, text)
				}
				code, text = plan("thorough")
				if code != verdict.ExitHeld || strings.Contains(text, ": slow-disk ") != syncs || !strings.Contains(text, ": power-failure-all ") {
					t.Errorf("%s=%s, thorough: exit %d: %s", c.setting, value, code, text)
				}
			}
		})
	}
}
