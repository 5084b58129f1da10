package hunt

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/settings"
)

// change is one way of making another plan of one.
type change func(ctx context.Context, s *Space, r *rand.Rand, run *settings.Run, sched *nemesis.Schedule)

// changes are those there are. What goes wrong when is changed most.
func changes() []change {
	return []change{
		reseed, reseed, moveStep, moveStep, stretchStep, stretchStep, dropStep, repeatStep, repeatStep, renameNodes,
		addFault, addFault, changeLoad, changeWorkload, towards,
	}
}

// mutate changes a plan in one to three ways. schedule is that of the plan and is left
// as it is.
func (s *Space) mutate(ctx context.Context, r *rand.Rand, run settings.Run, schedule nemesis.Schedule) (settings.Run, nemesis.Schedule) {
	sched := schedule
	sched.Steps = slices.Clone(schedule.Steps)
	for range 1 + r.IntN(3) {
		pick(r, changes())(ctx, s, r, &run, &sched)
	}
	return run, sched
}

// withSchedule is the request with the schedule in it.
func withSchedule(run settings.Run, sched nemesis.Schedule) (settings.Run, error) {
	run.Faults, run.Script, run.FaultInterval, run.FaultHold = "", "", 0, 0
	if len(sched.Steps) == 0 {
		run.Linger, run.FaultMode = harness.LingerAuto, ""
		return run, nil
	}
	slices.SortStableFunc(sched.Steps, func(a, b nemesis.Step) int { return cmp.Compare(a.At, b.At) })
	sched.Duration, sched.Preset, sched.LeftOut = run.Duration, "", nil
	sched.Faults = nil
	for i := range sched.Steps {
		st := &sched.Steps[i]
		if !slices.Contains(sched.Faults, st.Fault) {
			sched.Faults = append(sched.Faults, st.Fault)
		}
		st.At = max(0, min(st.At, run.Duration-leastHold))
		st.Hold = max(leastHold, min(st.Hold, run.Duration-st.At))
	}
	slices.Sort(sched.Faults)
	var b strings.Builder
	if err := sched.WriteLine(&b); err != nil {
		return run, err
	}
	run.Script = strings.TrimSpace(b.String())
	return run, nil
}

// leastHold is how long a fault lasts at least.
const leastHold = 100 * time.Millisecond

func reseed(_ context.Context, _ *Space, r *rand.Rand, run *settings.Run, _ *nemesis.Schedule) {
	run.Seed = r.Uint64N(1 << 53)
}

// moveStep moves a fault by up to a second, or to anywhere.
func moveStep(_ context.Context, _ *Space, r *rand.Rand, run *settings.Run, sched *nemesis.Schedule) {
	by, anywhere, far := time.Duration(r.Int64N(int64(2*time.Second)))-time.Second, time.Duration(r.Int64N(int64(run.Duration))), r.IntN(3) == 0
	if len(sched.Steps) == 0 {
		return
	}
	st := &sched.Steps[r.IntN(len(sched.Steps))]
	if st.At += by; far {
		st.At = anywhere
	}
	st.At = st.At.Truncate(time.Millisecond)
}

// stretchStep makes a fault last for a third to three times as long.
func stretchStep(_ context.Context, _ *Space, r *rand.Rand, _ *settings.Run, sched *nemesis.Schedule) {
	by := []float64{1.0 / 3, 0.6, 1.5, 3}[r.IntN(4)]
	if len(sched.Steps) > 0 {
		st := &sched.Steps[r.IntN(len(sched.Steps))]
		st.Hold = scaled(st.Hold, by)
	}
}

func dropStep(_ context.Context, _ *Space, r *rand.Rand, _ *settings.Run, sched *nemesis.Schedule) {
	if len(sched.Steps) > 1 {
		i := r.IntN(len(sched.Steps))
		sched.Steps = slices.Delete(sched.Steps, i, i+1)
	}
}

// mostSteps bounds what repeating and adding make of a schedule.
const mostSteps = 12

// repeatStep does a fault again, at another time.
func repeatStep(_ context.Context, _ *Space, r *rand.Rand, run *settings.Run, sched *nemesis.Schedule) {
	at := time.Duration(r.Int64N(int64(run.Duration))).Truncate(time.Millisecond)
	if n := len(sched.Steps); n > 0 && n < mostSteps {
		st := sched.Steps[r.IntN(n)]
		st.At = at
		sched.Steps = append(sched.Steps, st)
	}
}

// renameNodes lets one node take the place of another in all faults.
func renameNodes(_ context.Context, _ *Space, r *rand.Rand, _ *settings.Run, sched *nemesis.Schedule) {
	if len(sched.Nodes) < 2 {
		return
	}
	a, b := pick(r, sched.Nodes), pick(r, sched.Nodes)
	swap := func(n string) string {
		switch n {
		case a:
			return b
		case b:
			return a
		}
		return n
	}
	all := func(list []string) []string {
		out := slices.Clone(list)
		for i := range out {
			out[i] = swap(out[i])
		}
		return out
	}
	for i := range sched.Steps {
		st := &sched.Steps[i]
		st.Nodes = all(st.Nodes)
		st.Groups = slices.Clone(st.Groups)
		for j := range st.Groups {
			st.Groups[j] = all(st.Groups[j])
		}
		st.Cuts = slices.Clone(st.Cuts)
		for j, cut := range st.Cuts {
			if from, to, ok := strings.Cut(cut, ">"); ok {
				st.Cuts[j] = swap(from) + ">" + swap(to)
			}
		}
	}
}

// addFault puts one more fault into the schedule, drawn as in a plan of its own.
func addFault(ctx context.Context, s *Space, r *rand.Rand, run *settings.Run, sched *nemesis.Schedule) {
	if len(s.Faults) == 0 || len(sched.Steps) >= mostSteps {
		return
	}
	fault, seed := pick(r, s.Faults), r.Uint64N(1<<53)
	drawn, err := s.drawn(ctx, fault, seed, run)
	if err != nil || len(drawn.Steps) == 0 {
		return
	}
	if len(sched.Steps) == 0 {
		*sched = drawn
		return
	}
	sched.Steps = append(sched.Steps, drawn.Steps[r.IntN(len(drawn.Steps))])
	sched.Mode = nemesis.Mixed
}

// changeLoad draws the clients anew.
func changeLoad(_ context.Context, s *Space, r *rand.Rand, run *settings.Run, _ *nemesis.Schedule) {
	s.drawLoad(r, s.workload(run.Workload), run)
}

// changeWorkload has the same faults under other operations.
func changeWorkload(_ context.Context, s *Space, r *rand.Rand, run *settings.Run, _ *nemesis.Schedule) {
	l := pick(r, s.Workloads)
	run.Workload = l.Name
	s.drawLoad(r, l, run)
}

// towards moves a fault to just before or just after another one begins or ends: what
// overlaps by a moment is what nobody tried.
func towards(_ context.Context, _ *Space, r *rand.Rand, _ *settings.Run, sched *nemesis.Schedule) {
	by := time.Duration(r.Int64N(int64(400*time.Millisecond)))/time.Millisecond*time.Millisecond - 200*time.Millisecond
	end := r.IntN(2) == 0
	n := len(sched.Steps)
	if n < 2 {
		return
	}
	i := r.IntN(n)
	j := (i + 1 + r.IntN(n-1)) % n
	to := sched.Steps[j].At
	if end {
		to += sched.Steps[j].Hold
	}
	sched.Steps[i].At = max(0, to+by)
	sched.Mode = nemesis.Mixed
}

// workload is the one of that name.
func (s *Space) workload(name string) Workload {
	for _, l := range s.Workloads {
		if l.Name == name {
			return l
		}
	}
	return Workload{Name: name, Weights: []string{""}}
}

// leaveNode takes a node out of a fault.
func leaveNode(st *nemesis.Step, gone string) {
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(n string) bool { return n == gone })
	}
	st.Nodes = without(st.Nodes)
	st.Groups = slices.Clone(st.Groups)
	for i := range st.Groups {
		st.Groups[i] = without(st.Groups[i])
	}
	st.Cuts = slices.DeleteFunc(slices.Clone(st.Cuts), func(cut string) bool {
		from, to, _ := strings.Cut(cut, ">")
		return from == gone || to == gone
	})
}
