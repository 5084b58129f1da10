package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// leaver is a provider that has left something, or cannot be asked for it.
type leaver struct {
	cluster.Provider
	name string
	left []cluster.Removed
	err  error
}

func (l leaver) Name() string                                     { return l.name }
func (l leaver) Clean(context.Context) ([]cluster.Removed, error) { return l.left, l.err }

// TestCleanTellsBoth: what was removed, and what could not be looked at; that no engine is there is no failure, and
// that one which was named does not answer is.
func TestCleanTellsBoth(t *testing.T) {
	group := []cluster.Removed{{Kind: "group", Name: "lapse-1-n1"}}
	at := func(err error) error {
		return &cluster.EnvironmentError{Doing: "using the engine", Err: err, Way: "start one"}
	}
	for _, c := range []struct {
		name           string
		all            []leaver
		code           int
		stdout, stderr string
	}{
		{"nothing anywhere", []leaver{{name: "a"}, {name: "b"}}, verdict.ExitHeld, "nothing was left behind\n", ""},
		{"something, and no engine", []leaver{{name: "a", left: group}, {name: "b", err: at(cluster.ErrNoEngine)}}, verdict.ExitHeld, "removed group     lapse-1-n1\n", "nothing was looked for under --provider b: no engine answers there\n"},
		{"nothing, and no engine", []leaver{{name: "a"}, {name: "b", err: at(cluster.ErrNoEngine)}}, verdict.ExitHeld, "nothing was left behind\n", "nothing was looked for under --provider b: no engine answers there\n"},
		{"something, and an engine that was named", []leaver{{name: "a", left: group}, {name: "b", err: at(errors.New(cluster.ErrNoEngine.Error()))}}, verdict.ExitEnvironment, "removed group     lapse-1-n1\n", "using the engine: no engine answers there; start one"},
		{"something that cannot be removed", []leaver{{name: "b", err: at(cluster.ErrNoEngine)}, {name: "a", left: group, err: at(fmt.Errorf("busy"))}}, verdict.ExitEnvironment, "removed group     lapse-1-n1\n", "using the engine: busy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []providers.Entry
			for _, l := range c.all {
				all = append(all, providers.Entry{Provider: l})
			}
			var out, errs bytes.Buffer
			a := &app{cli.New(&out, &errs, databases(), all)}
			cmd := a.cleanCommand()
			cmd.SetArgs(nil)
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			err := cmd.ExecuteContext(t.Context())
			code := verdict.ExitHeld
			if err != nil {
				code = a.ExitCode(err) // which says it
			}
			text := errs.String()
			if code != c.code || out.String() != c.stdout || !strings.Contains(text, c.stderr) || c.stderr == "" && text != "" {
				t.Errorf("exit %d, %q, %q; want %d, %q, %q", code, out.String(), text, c.code, c.stdout, c.stderr)
			}
		})
	}
}
