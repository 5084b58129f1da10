package hunt

import (
	"slices"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
)

// pass is one way of making plans smaller: the boldest first.
type pass struct {
	name  string
	plans func(*runs.Planned) []settings.Run
}

// passes are those there are, in the order in which they are tried: what makes the later
// replays shorter comes first.
func passes() []pass {
	return []pass{
		{"fewer faults", fewerFaults},
		{"shorter", shorter},
		{"shorter faults", shorterFaults},
		{"fewer clients", fewerClients},
		{"fewer keys", fewerKeys},
		{"less load", lessLoad},
		{"fewer nodes", fewerNodes},
		{"simpler", simpler},
	}
}

// with is the plan with another schedule and other settings.
func with(p *runs.Planned, edit func(*settings.Run, *nemesis.Schedule)) []settings.Run {
	run, sched := p.Plan.Run, p.Plan.Schedule
	sched.Steps = slices.Clone(sched.Steps)
	edit(&run, &sched)
	out, err := withSchedule(run, sched)
	if err != nil {
		return nil // what cannot be written is no plan
	}
	return []settings.Run{out}
}

// noFaults leaves out all faults: many a violation of a real database needs none.
func noFaults(p *runs.Planned) []settings.Run {
	if len(p.Plan.Schedule.Steps) == 0 {
		return nil
	}
	return with(p, func(_ *settings.Run, s *nemesis.Schedule) { s.Steps = nil })
}

// untilReached leaves out what the plan has after the violation that ended the load: it cannot have led to it.
func (m *shrinker) untilReached(p *runs.Planned) []settings.Run {
	d := max((m.reached + tail).Truncate(100*time.Millisecond), leastDuration)
	if m.reached == 0 || d >= p.Plan.Duration {
		return nil
	}
	return with(p, func(r *settings.Run, s *nemesis.Schedule) {
		r.Duration = d
		s.Steps = slices.DeleteFunc(s.Steps, func(st nemesis.Step) bool { return st.At >= m.reached })
	})
}

// fewerFaults leaves out all faults, then halves of them, down to single ones.
func fewerFaults(p *runs.Planned) []settings.Run {
	var out []settings.Run
	n := len(p.Plan.Schedule.Steps)
	for size := n; size > 0; size /= 2 {
		for at := 0; at < n; at += size {
			out = append(out, with(p, func(_ *settings.Run, s *nemesis.Schedule) {
				s.Steps = slices.Delete(s.Steps, at, min(at+size, n))
			})...)
		}
	}
	return out
}

// shorter cuts the load after the last fault, begins earlier, and halves both.
func shorter(p *runs.Planned) []settings.Run {
	var out []settings.Run
	steps := p.Plan.Schedule.Steps
	var last time.Duration
	for _, st := range steps {
		last = max(last, st.At+st.Hold)
	}
	to := func(d, earlier time.Duration, by float64) {
		d = max(d.Truncate(100*time.Millisecond), leastDuration)
		if d >= p.Plan.Duration {
			return
		}
		out = append(out, with(p, func(r *settings.Run, s *nemesis.Schedule) {
			r.Duration = d
			for i := range s.Steps {
				s.Steps[i].At = time.Duration(float64(s.Steps[i].At-earlier) * by).Truncate(time.Millisecond)
				s.Steps[i].Hold = time.Duration(float64(s.Steps[i].Hold) * by).Truncate(time.Millisecond)
			}
		})...)
	}
	to(p.Plan.Duration/2, 0, 0.5)
	if len(steps) > 0 {
		first := max(0, steps[0].At-tail)
		to(last+tail-first, first, 1)
		to(last+tail, 0, 1)
	}
	to(p.Plan.Duration*3/4, 0, 0.75)
	return out
}

func shorterFaults(p *runs.Planned) []settings.Run {
	var out []settings.Run
	for i, st := range p.Plan.Schedule.Steps {
		if st.Hold/2 >= leastHold {
			out = append(out, with(p, func(_ *settings.Run, s *nemesis.Schedule) {
				s.Steps[i].Hold = (st.Hold / 2).Truncate(time.Millisecond)
			})...)
		}
	}
	return out
}

func fewerClients(p *runs.Planned) []settings.Run {
	var out []settings.Run
	for _, n := range smaller(p.Plan.Clients(), 1) {
		out = append(out, with(p, func(r *settings.Run, _ *nemesis.Schedule) { r.Concurrency = strconv.Itoa(n) })...)
	}
	return out
}

func fewerKeys(p *runs.Planned) []settings.Run {
	var out []settings.Run
	keys := p.Plan.Keys
	if keys == 0 {
		keys = usualKeys
	}
	for _, n := range smaller(keys, 1) {
		out = append(out, with(p, func(r *settings.Run, _ *nemesis.Schedule) { r.Keys = n })...)
	}
	return out
}

func lessLoad(p *runs.Planned) []settings.Run {
	var out []settings.Run
	rate := int(p.Plan.Rate)
	if rate == 0 {
		rate = mostRate
	}
	for _, n := range []int{rate / 4, rate / 2, rate * 3 / 4} {
		if n >= leastRate {
			out = append(out, with(p, func(r *settings.Run, _ *nemesis.Schedule) { r.Rate = float64(n) })...)
		}
	}
	return out
}

// fewerNodes takes the last node away, from the faults too.
func fewerNodes(p *runs.Planned) []settings.Run {
	n := p.Plan.Nodes - 1
	if n < p.Target.Info().MinNodes || n < 1 || len(p.Plan.Schedule.Nodes) != p.Plan.Nodes {
		return nil
	}
	gone := p.Plan.Schedule.Nodes[n]
	return with(p, func(r *settings.Run, s *nemesis.Schedule) {
		r.Nodes = n
		s.Nodes = slices.Clone(s.Nodes[:n])
		for i := range s.Steps {
			leaveNode(&s.Steps[i], gone)
		}
	})
}

// simpler takes back what has a simpler value.
func simpler(p *runs.Planned) []settings.Run {
	var out []settings.Run
	try := func(is bool, edit func(*settings.Run, *nemesis.Schedule)) {
		if is {
			out = append(out, with(p, edit)...)
		}
	}
	try(p.Plan.Linger == harness.LingerOn, func(r *settings.Run, _ *nemesis.Schedule) { r.Linger = harness.LingerAuto })
	try(p.Plan.Weights != "", func(r *settings.Run, _ *nemesis.Schedule) { r.Weights = "" })
	try(p.Plan.Schedule.Mode == nemesis.Mixed && len(p.Plan.Schedule.Steps) > 0, func(_ *settings.Run, s *nemesis.Schedule) { s.Mode = nemesis.OneAtATime })
	return out
}

// smaller are numbers below n, from least on: the boldest first.
func smaller(n, least int) []int {
	var out []int
	for _, x := range []int{least, n / 4, n / 2, n - 1} {
		if x >= least && x < n && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
