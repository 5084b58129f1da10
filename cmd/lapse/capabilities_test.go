package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// TestCapabilitiesInDocs: docs/providers.md has a row for each capability, with the faults that need
// it and the providers that have it.
func TestCapabilitiesInDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers.md")
	if err != nil {
		t.Fatal(err)
	}
	spec := cluster.Spec{Nodes: cluster.NodeNames(3), LinkByLink: true}
	all := nemesis.Capabilities()
	if len(all) == 0 {
		t.Fatal("no fault needs anything of a provider")
	}
	for _, c := range all {
		var faults []string
		for _, f := range nemesis.All() {
			if slices.Contains(f.Capabilities, c) {
				faults = append(faults, "`"+f.Name+"`")
			}
		}
		var having []string
		for _, p := range providers.Having(nodeProviders(), spec, c) {
			having = append(having, "`"+p+"`")
		}
		row := fmt.Sprintf("| %s | %s | %s | %s |\n", c, c.Meaning(), strings.Join(faults, ", "), strings.Join(having, ", "))
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/providers.md has no row\n%s", row)
		}
	}
}
