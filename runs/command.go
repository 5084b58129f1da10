package runs

import (
	"strings"

	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/workloads"
)

// Command is the command line that makes the plan of p anew, with what differs from
// the defaults and what a reader wants to see. For models and targets of the
// caller's own it is as near as a command line comes.
func Command(p *Planned) string {
	return "lapse run" + settings.Command(&p.Plan.Run, p.usual(), p.against()...)
}

// Args are the words of that command, but for the first two.
func Args(p *Planned) []string { return settings.Args(&p.Plan.Run, p.usual(), p.against()...) }

// usual tells which values need not be said.
func (p *Planned) usual() func(flag, value string) bool {
	usual := map[string]bool{}
	// What makes the target another one, with other defaults, is no default of it.
	before := map[string]string{}
	if p.plain != nil {
		for _, o := range p.plain.Info().Options {
			before[o.Name] = o.Default
		}
	}
	for _, o := range p.Target.Info().Options {
		if was, ok := before[o.Name]; !ok || was == o.Default {
			usual["set "+o.Name+"="+o.Default] = true
		}
	}
	if w, err := workloads.ByName(p.Plan.Workload); err == nil {
		usual["model "+strings.Join(w.Models(), ",")] = true
		for _, o := range w.Options() {
			usual["workload-set "+o.Name+"="+o.Default] = true
		}
	}
	return func(flag, value string) bool { return usual[flag+" "+value] }
}

// against are the flags of settings that are at their defaults because somebody gave them: the preset of
// faults would change them otherwise, so that they must be said.
func (p *Planned) against() []string {
	r := p.Plan.Unsaid()
	if _, err := applyPreset(&r, p.Target.Info()); err != nil {
		return nil // a workload of the caller's own, for which there is no command line
	}
	return settings.Differing(&r, &p.Plan.Run)
}
