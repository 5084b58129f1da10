package cassandra

import (
	"fmt"
	"math"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// gossipEvery is the interval at which a node gossips (Gossiper.intervalInMillis).
const gossipEvery = time.Second

// Detection implements targets.Detector. A node is convicted when phi, which is the time
// since it was heard of over the mean of such times and over ln 10, exceeds
// phi_convict_threshold (FailureDetector; Hayashibara and others, "The phi accrual
// failure detector", 2004): with a mean of one round of gossip after ln 10 seconds for
// each of the threshold.
func (Target) Detection(cfg targets.Config) history.Detection {
	s, err := resolve(cfg)
	if err != nil {
		return history.Detection{}
	}
	after := time.Duration(float64(s.phi) * math.Ln10 * float64(gossipEvery)).Round(100 * time.Millisecond)
	return history.Detection{After: after, By: fmt.Sprintf("the accrual failure detector with a phi_convict_threshold of %d", s.phi)}
}
