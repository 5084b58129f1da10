package main

import (
	"os/exec"
	"strings"
	"testing"
)

// banned are packages that no user of the program needs. What brings one in again
// belongs into a test or a generator.
var banned = []string{
	"testing",
	"github.com/lib/pq", "github.com/xi2/xz", "github.com/fergusstrange/embedded-postgres",
	"github.com/invopop/jsonschema", "github.com/spf13/cobra/doc",
	"github.com/cpuguy83/go-md2man/v2/md2man", "github.com/russross/blackfriday/v2",
}

// TestDependencies keeps them out.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, p := range strings.Fields(string(out)) {
		there[p] = true
	}
	if !there["github.com/spf13/cobra"] {
		t.Fatal("the list lacks what is surely there")
	}
	for _, p := range banned {
		if there[p] {
			t.Errorf("%s is part of the program", p)
		}
	}
}
