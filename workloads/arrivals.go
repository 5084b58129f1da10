package workloads

import "time"

// Arrivals says when each worker's operations are to begin. With a rate it is
// an open loop: arrivals are fixed beforehand and do not wait for answers, so
// that a database that stalls cannot hide how long its users would have waited
// (coordinated omission): latency counts from the arrival, and a worker that is
// late works off its arrivals one after the other. Without a rate it is a
// closed loop. Immutable and safe for concurrent use.
type Arrivals struct {
	seed    uint64
	workers int
	// period is the mean time between two arrivals of one worker, 0 for a
	// closed loop.
	period float64
}

// NewArrivals splits rate (operations a second of all workers together; 0 means
// a closed loop) evenly over the workers.
func NewArrivals(seed uint64, workers int, rate float64) (*Arrivals, error) {
	if workers < 1 {
		return nil, usagef("%d workers: at least one is needed", workers)
	}
	if rate < 0 || rate > MaxRate {
		return nil, usagef("rate %g is not from 0 to %d operations a second", rate, MaxRate)
	}
	s := &Arrivals{seed: mix(seed ^ 0x5c8ed01e), workers: workers}
	if rate > 0 {
		s.period = float64(workers) / rate * float64(time.Second)
	}
	return s, nil
}

// Closed tells whether this is a closed loop: At is always 0 then.
func (s *Arrivals) Closed() bool { return s.period == 0 }

// At is when worker w's i-th operation (from 0) arrives, counted from the
// beginning of the load. It is a pure function of the seed, w and i: arrival i
// lies at a seeded place in the worker's i-th period, workers are spread evenly
// over a period, and no arrival of a worker comes before an earlier one.
func (s *Arrivals) At(w, i int) time.Duration {
	if s.period == 0 {
		return 0
	}
	bits := mix(s.seed + mix(uint64(w)+1) + uint64(i))
	jitter := float64(bits>>11) / (1 << 53)
	phase := float64(w) / float64(s.workers)
	return time.Duration((float64(i) + (jitter+phase)/2) * s.period)
}
