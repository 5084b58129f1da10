//go:build !lapse_builtin

package main

import (
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestCodeOf: no exit code is taken for a verdict that no run stands for.
func TestCodeOf(t *testing.T) {
	for r, want := range map[cluster.Returned]struct {
		code int
		odd  bool
	}{
		{Code: verdict.ExitHeld, Run: "a"}:         {verdict.ExitHeld, false},
		{Code: verdict.ExitHeld}:                   {verdict.ExitEnvironment, true},
		{Code: verdict.ExitViolated, Run: "a"}:     {verdict.ExitViolated, false},
		{Code: verdict.ExitViolated}:               {verdict.ExitEnvironment, true},
		{Code: verdict.ExitInconclusive, Run: "a"}: {verdict.ExitInconclusive, false},
		{Code: verdict.ExitInconclusive}:           {verdict.ExitEnvironment, true},
		{Code: verdict.ExitUsage}:                  {verdict.ExitUsage, false},
		{Code: verdict.ExitInterrupted}:            {verdict.ExitInterrupted, false},
		{Code: verdict.ExitBug, Run: "a"}:          {verdict.ExitBug, false},
		{Code: 137, Run: "a"}:                      {verdict.ExitEnvironment, true},
		{Code: 137}:                                {verdict.ExitEnvironment, true},
	} {
		if code, odd := codeOf(r); code != want.code || (odd != nil) != want.odd {
			t.Errorf("%+v: %d, %v", r, code, odd)
		}
	}
}
