package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestTargetBySchemeOfAt: an address with a scheme says what database it is, to every command that takes --at, unless --target does.
func TestTargetBySchemeOfAt(t *testing.T) {
	const nobody = "postgres://me@127.0.0.1:1/shop"
	for _, command := range [][]string{{"doctor"}, {"run"}, {"hunt", "--model", "linearizable"}} {
		for _, c := range []struct {
			args []string
			code int
			says string
		}{
			{[]string{"--at", nobody}, verdict.ExitEnvironment, "127.0.0.1:1 refuses connections"},
			{[]string{"--at", nobody, "--target", "redis"}, verdict.ExitUsage, "such as db1:6379"},
			{[]string{"--at", "ftp://db1:5432"}, verdict.ExitUsage, "add --target with one of"},
			{[]string{"--at", "127.0.0.1:1"}, verdict.ExitEnvironment, "127.0.0.1:1 refuses connections"},
		} {
			code, out, errs := lapse(t, slices.Concat(command, []string{"--out", t.TempDir()}, c.args)...)
			if code != c.code || !strings.Contains(errs, c.says) {
				t.Errorf("%v %v: exit %d, want %d: %s%s", command, c.args, code, c.code, out, errs)
			}
		}
	}
}
