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
	return "lapse run" + settings.Command(&p.Plan.Run, p.usual())
}

// Args are the words of that command, but for the first two.
func Args(p *Planned) []string { return settings.Args(&p.Plan.Run, p.usual()) }

// usual tells which values need not be said.
func (p *Planned) usual() func(flag, value string) bool {
	usual := map[string]bool{}
	for _, o := range p.Target.Info().Options {
		usual["set "+o.Name+"="+o.Default] = true
	}
	if w, err := workloads.ByName(p.Plan.Workload); err == nil {
		usual["model "+strings.Join(w.Models(), ",")] = true
		for _, o := range w.Options() {
			usual["workload-set "+o.Name+"="+o.Default] = true
		}
	}
	return func(flag, value string) bool { return usual[flag+" "+value] }
}
