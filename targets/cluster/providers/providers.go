// Package providers lists where nodes can run, and chooses.
package providers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// Auto is the name that leaves the choice to Choose.
const Auto = "auto"

// Entry is a provider that can be chosen.
type Entry struct {
	Provider cluster.Provider
	// About is half a sentence for the user: where the nodes run.
	About string
	// Auto says that it may be chosen without being named.
	Auto bool
	// Whole says that it carries out whole runs (cluster.Host), and makes no nodes for what
	// goes on here.
	Whole bool
}

// Native are the providers that need no engine, in the order in which they are tried.
// Package registry has all there are; who is content with these does not build the
// client of an engine.
func Native() []Entry {
	return []Entry{
		{Provider: sandbox.Provider{}, About: "nodes in Linux namespaces of their own", Auto: true},
		{Provider: local.Provider{}, About: "nodes as processes on loopback, each link through a proxy", Auto: true},
		{Provider: external.Provider{}, About: "an external cluster: one that is there already"},
	}
}

// Containers is the name of the provider in all whose nodes are containers, so that an
// image can be named for them; empty if there is none.
func Containers(all []Entry) string {
	for _, e := range all {
		if _, brings := e.Provider.(cluster.Preparer); brings {
			return e.Provider.Name()
		}
	}
	return ""
}

// Having are the names of the providers whose nodes of spec have the capability, where the machine
// lets them, in the order of all.
func Having(all []Entry, spec cluster.Spec, c cluster.Capability) (names []string) {
	for _, e := range all {
		if slices.Contains(cluster.CapabilitiesOf(e.Provider, spec), c) {
			names = append(names, e.Provider.Name())
		}
	}
	return names
}

// Names are the names that Choose takes.
func Names(all []Entry) []string {
	names := []string{Auto}
	for _, e := range all {
		if !e.Whole {
			names = append(names, e.Provider.Name())
		}
	}
	return names
}

// Hosts are the providers that carry out whole runs, by their names.
func Hosts(all []Entry) map[string]cluster.Host {
	out := map[string]cluster.Host{}
	for _, e := range all {
		if h, ok := e.Provider.(cluster.Host); ok && e.Whole {
			out[e.Provider.Name()] = h
		}
	}
	return out
}

// Choose returns the provider of all with this name, or for "auto" the first that can
// serve spec on this machine, and says in half a sentence what it is and why. If
// the choice is "sandbox", sandbox.Enter comes next; in the sandbox Choose chooses
// it again.
//
// If there is none the error is a *cluster.EnvironmentError with every way out.
// An unknown name is an error that lists those there are.
func Choose(ctx context.Context, all []Entry, name string, spec cluster.Spec) (cluster.Provider, string, error) {
	if name != Auto {
		for _, e := range all {
			if e.Provider.Name() == name && !e.Whole {
				if err := e.Provider.Available(ctx, spec); err != nil {
					return nil, "", fmt.Errorf("provider %s: %w", name, err)
				}
				return e.Provider, e.About, nil
			}
		}
		return nil, "", fmt.Errorf("provider %q: there is none of this name; there are %s", name, strings.Join(Names(all), ", "))
	}
	var why []string
	var errs []error
	for _, e := range all {
		if !e.Auto {
			continue
		}
		err := e.Provider.Available(ctx, spec)
		if err == nil {
			reason := e.About
			if len(why) > 0 {
				reason += " (not " + strings.Join(why, "; not ") + ")"
			}
			return e.Provider, reason, nil
		}
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx) // whoever interrupts wants no other place
		}
		errs = append(errs, fmt.Errorf("%s: %w", e.Provider.Name(), err))
		why = append(why, e.Provider.Name()+": "+cause(err))
	}
	return nil, "", &cluster.EnvironmentError{
		Doing: "finding where nodes can run",
		Err:   errors.Join(errs...),
	}
}

// Instead returns the provider of all whose nodes bring their software along, when that
// cannot be had for the one that was chosen, for the reason lacking. If there is
// none the error names what would help either of them.
func Instead(ctx context.Context, all []Entry, chosen cluster.Provider, lacking error, spec cluster.Spec) (cluster.Provider, string, error) {
	errs := []error{fmt.Errorf("%s: %w", chosen.Name(), lacking)}
	for _, e := range all {
		if _, brings := e.Provider.(cluster.Preparer); !brings || !e.Auto || e.Provider.Name() == chosen.Name() {
			continue
		}
		err := e.Provider.Available(ctx, spec)
		if err == nil {
			return e.Provider, e.About + " (not " + chosen.Name() + ": " + cause(lacking) + ")", nil
		}
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		errs = append(errs, fmt.Errorf("%s: %w", e.Provider.Name(), err))
	}
	return nil, "", &cluster.EnvironmentError{Doing: "finding where nodes can run", Err: errors.Join(errs...)}
}

// cause is what stands in the way, without the way out.
func cause(err error) string {
	var env *cluster.EnvironmentError
	if errors.As(err, &env) {
		return (&cluster.EnvironmentError{Doing: env.Doing, Err: env.Err}).Error()
	}
	return err.Error()
}
