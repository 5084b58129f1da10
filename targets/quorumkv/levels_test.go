package quorumkv

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// Every mode takes each of its levels, and refuses those of the others by name and with what there is, for writes and for reads.
func TestLevelsOfModes(t *testing.T) {
	all := map[string]targets.Info{}
	var writes, reads []string
	for _, mode := range modes() {
		described, err := New().Describe(t.Context(), targets.Config{Options: map[string]string{optMode: mode}})
		if err != nil {
			t.Fatal(err)
		}
		all[mode] = described.Info()
		writes, reads = append(writes, all[mode].WriteLevels...), append(reads, all[mode].ReadLevels...)
	}
	for mode, info := range all {
		target := &Target{mode: mode}
		resolve := func(write, read string) error {
			_, err := target.Resolve(targets.Config{Nodes: 3, WriteLevel: write, ReadLevel: read, Options: map[string]string{optMode: mode}})
			return err
		}
		judge := func(kind, level string, own []string, err error) {
			t.Helper()
			var usage *targets.UsageError
			switch known := slices.Contains(own, level); {
			case known && err != nil:
				t.Errorf("mode %s: --%s-level %s, one of its own: %v", mode, kind, level, err)
			case !known && (!errors.As(err, &usage) || !strings.Contains(err.Error(), "--"+kind+"-level "+level+": mode "+mode) || !strings.Contains(err.Error(), own[0])):
				t.Errorf("mode %s: --%s-level %s, one of another: %v", mode, kind, level, err)
			}
		}
		for _, level := range writes {
			judge("write", level, info.WriteLevels, resolve(level, ""))
		}
		for _, level := range reads {
			judge("read", level, info.ReadLevels, resolve("", level))
		}
	}
}
