// Package suites holds the suites that lapse ships with, each of which settles a
// textbook claim on real systems.
package suites

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// KnownFindings is the suite of the track record: each case shows something that was
// found on a real system, or is the control of one.
const KnownFindings = "known-findings"

// Names are the names of the shipped suites, sorted.
func Names() []string {
	list, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil // the pattern is constant and right
	}
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], ".yaml")
	}
	slices.Sort(list)
	return list
}

// ByName is the text of a shipped suite.
func ByName(name string) ([]byte, error) {
	b, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no file and no shipped suite %q; shipped are: %s", name, strings.Join(Names(), ", "))
	}
	return b, nil
}
