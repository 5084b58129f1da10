package hunt

import (
	"math"
	"time"
)

// Point is a point of the curve of new behaviour.
type Point struct {
	// Runs is how many runs were done, After how long the hunt had lasted then.
	Runs  int           `json:"runs"`
	After time.Duration `json:"after_ns"`
	// Signs is how many kinds of behaviour were known by then.
	Signs int `json:"signs"`
}

// Covered counts the runs of a hunt in which a fault met a state.
type Covered struct {
	Cell
	// Runs are those that had it at least once.
	Runs int `json:"runs"`
}

// Estimate predicts how much more of the same would show, from how many kinds of behaviour were
// seen in only one run and in only two. Plans of a hunt are not drawn independently of
// each other, so that it is a guide and no more.
type Estimate struct {
	// Signs is how many kinds of behaviour were seen, Once in one run and Twice in two.
	Signs int `json:"signs"`
	Once  int `json:"once"`
	Twice int `json:"twice"`
	// Unseen is how many more there are at least: the Chao2 estimator of the richness of
	// samples (A. Chao, Estimating the population size for capture-recapture data with
	// unequal catchability, Biometrics 43, 1987).
	Unseen float64 `json:"unseen"`
	// NextRun is how many of them the next run is expected to show (I. J. Good, The
	// population frequencies of species and the estimation of population parameters,
	// Biometrika 40, 1953).
	NextRun float64 `json:"next_run"`
	// NextHour is how many the next hour is, at the same pace (R. K. Colwell et al.,
	// Models and estimators linking individual-based and sample-based rarefaction,
	// extrapolation and comparison of assemblages, Journal of Plant Ecology 5, 2012).
	NextHour float64 `json:"next_hour"`
	// RatePerRun is a bound on how often a run of the hunt shows a violation where none
	// was seen, with 95 % confidence; 0 where it says nothing.
	RatePerRun float64 `json:"rate_per_run,omitempty"`
}

// estimate is that of n runs, which took elapsed and showed signs, each in so many.
func estimate(signs map[string]int, n int, elapsed time.Duration) Estimate {
	e := Estimate{Signs: len(signs)}
	for _, times := range signs {
		switch times {
		case 1:
			e.Once++
		case 2:
			e.Twice++
		}
	}
	if n == 0 {
		return e
	}
	t, q1, q2 := float64(n), float64(e.Once), float64(e.Twice)
	if e.Twice > 0 {
		e.Unseen = (t - 1) / t * q1 * q1 / (2 * q2)
	} else {
		e.Unseen = (t - 1) / t * q1 * (q1 - 1) / 2 // the form for no twice
	}
	e.NextRun = q1 / t
	if e.Unseen > 0 && elapsed > 0 {
		more := t * float64(time.Hour) / float64(elapsed)
		e.NextHour = e.Unseen * (1 - math.Pow(1-q1/(t*e.Unseen+q1), more))
	}
	return e
}

// bound is the greatest rate at which none in n would still be seen in one of twenty
// cases.
func bound(n int) float64 {
	if n == 0 {
		return 0
	}
	return 1 - math.Pow(0.05, 1/float64(n))
}
