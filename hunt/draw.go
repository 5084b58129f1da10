package hunt

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/settings"
)

// What loads are drawn from. Few keys and many clients let operations meet, which is
// what shows an order that is wrong; 0 keys are the workload's own.
var (
	rates    = []float64{300, 800, 800, 2000}
	keys     = []int{0, 1, 2, 4, 4, 8}
	clients  = []string{"1n", "2n", "3n", "3n", "5n"}
	sessions = []string{harness.SessionRoam, harness.SessionRoam, harness.SessionStay}
)

// stream is where the chance of the n-th plan of a hunt comes from, whatever was drawn
// for the others.
func stream(seed uint64, n int) *rand.Rand {
	b := binary.BigEndian.AppendUint64([]byte("lapse hunt 1 "), seed)
	return rand.New(rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(n)))))
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// free tells whether a setting is varied.
func (s *Space) free(flag string) bool { return !slices.Contains(s.Fixed, flag) }

// draw makes a request with what was tried least so far: a workload, and faults that it
// was not under.
// The first two, and one of three later on, are bold: see drawBold.
func (s *Space) draw(r *rand.Rand, n int, tried map[string]int) settings.Run {
	if r.IntN(3) == 0 || n < boldDraws {
		return s.drawBold(r, n, tried)
	}
	req := s.Base
	asked := s.drawWorkload(r, tried)
	req.Workload = asked.Name
	faults := s.drawFaults(r, asked.Name, tried)
	req.Faults, req.Script = strings.Join(faults, ","), ""
	req.FaultMode = string(nemesis.OneAtATime)
	if len(faults) > 1 && r.IntN(4) > 0 {
		req.FaultMode = string(nemesis.Mixed)
	}
	req.Duration = s.Durations[0]
	if r.IntN(4) == 0 {
		req.Duration = pick(r, s.Durations)
	}
	s.drawLoad(r, asked, &req)
	s.drawTimes(r, &req)
	req.Seed, req.Seeded = r.Uint64N(1<<53), true // exact as a JSON number anywhere
	return req
}

// boldDraws is how many of the first plans are bold, and boldFaults how many kinds of
// faults such a plan has.
const (
	boldDraws  = 2
	boldFaults = 5
)

// drawBold makes a request with many faults, two at a time, under the load that finds
// most: what shows easily shows there. The first one is as short as plans are.
func (s *Space) drawBold(r *rand.Rand, n int, tried map[string]int) settings.Run {
	req := s.Base
	asked := s.drawWorkload(r, tried)
	if n == 0 {
		// The one of which most can be varied shows most.
		asked = slices.MaxFunc(s.Workloads, func(a, b Workload) int { return cmp.Compare(len(a.Weights), len(b.Weights)) })
	}
	req.Workload = asked.Name
	faults := slices.Clone(s.Faults)
	if n < boldDraws {
		// What none of the first faults shows, one of the next may.
		faults = faults[min(n*boldFaults, max(0, len(faults)-boldFaults)):]
	} else {
		r.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	}
	faults = faults[:min(boldFaults, len(faults))]
	req.Faults, req.Script = strings.Join(faults, ","), ""
	req.FaultMode = string(nemesis.Mixed)
	if req.Duration = s.Durations[len(s.Durations)-1]; n == 0 {
		req.Duration = s.Durations[0]
	}
	s.drawLoad(r, asked, &req)
	hard := req
	hard.Rate, hard.Concurrency, hard.Weights = 800, "3n", asked.Weights[min(1, len(asked.Weights)-1)]
	if asked.Lingers && len(faults) > 0 {
		hard.Keys, hard.Linger = 4, harness.LingerOn
	}
	for _, x := range settings.All() {
		if slices.Contains(hardened, x.Flag) && s.free(x.Flag) {
			x.Copy(&req, &hard)
		}
	}
	req.Seed, req.Seeded = r.Uint64N(1<<53), true
	return req
}

// hardened are the flags that a bold plan sets.
var hardened = []string{"rate", "concurrency", "weights", "keys", "linger"}

// drawWorkload takes one of those that were tried least.
func (s *Space) drawWorkload(r *rand.Rand, tried map[string]int) Workload {
	return least(r, s.Workloads, func(a, b Workload) int { return tried[a.Name] - tried[b.Name] })
}

// drawFaults takes one to three of the faults: the one that was tried least under the workload, and of those the least
// under any, so that none waits for its turn until chance has it; what goes with it is any.
func (s *Space) drawFaults(r *rand.Rand, workload string, tried map[string]int) []string {
	if len(s.Faults) == 0 {
		return nil
	}
	ever := func(fault string) (n int) {
		for _, w := range s.Workloads {
			n += tried[pair(w.Name, fault)]
		}
		return n
	}
	out := []string{least(r, s.Faults, func(a, b string) int {
		return cmp.Or(tried[pair(workload, a)]-tried[pair(workload, b)], ever(a)-ever(b))
	})}
	for range r.IntN(3) {
		if f := pick(r, s.Faults); !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// drawLoad sets what the clients do, but for what the user set.
func (s *Space) drawLoad(r *rand.Rand, asked Workload, req *settings.Run) {
	// Every value is drawn, so that what is fixed changes nothing else.
	rate, number, n, session := pick(r, rates), pick(r, keys), pick(r, clients), pick(r, sessions)
	weights, linger := pick(r, asked.Weights), r.IntN(2) == 0
	if s.free("rate") {
		req.Rate = rate
	}
	if s.free("keys") {
		if req.Keys = 0; asked.Lingers { // the keys of others have a meaning of their own
			req.Keys = number
		}
	}
	if s.free("concurrency") {
		req.Concurrency = n
	}
	if s.free("session") {
		req.Session = session
	}
	if s.free("weights") {
		req.Weights = weights
	}
	if s.free("linger") {
		req.Linger = harness.LingerAuto
		if linger && asked.Lingers && req.Faults != "" {
			req.Linger = harness.LingerOn
		}
	}
}

// drawTimes sets how often faults come and how long they last: half of the time what
// the schedule chooses by itself, which goes by the database's failure detection.
func (s *Space) drawTimes(r *rand.Rand, req *settings.Run) {
	own, interval, hold := r.IntN(2) == 0, 0.1+0.3*r.Float64(), 0.4+0.45*r.Float64()
	if own || req.Faults == "" || !s.free("fault-interval") || !s.free("fault-hold") {
		return
	}
	req.FaultInterval = scaled(req.Duration, interval)
	req.FaultHold = scaled(req.FaultInterval, hold)
}

func scaled(d time.Duration, by float64) time.Duration {
	return max(time.Duration(float64(d)*by).Truncate(10*time.Millisecond), 10*time.Millisecond)
}

// pair names a workload under a fault among what was tried.
func pair(workload, fault string) string { return workload + " under " + fault }

// least is one of those that none comes before, drawn.
func least[T any](r *rand.Rand, list []T, compare func(a, b T) int) T {
	var best []T
	for _, x := range list {
		switch {
		case len(best) == 0 || compare(x, best[0]) < 0:
			best = []T{x}
		case compare(x, best[0]) == 0:
			best = append(best, x)
		}
	}
	return pick(r, best)
}
