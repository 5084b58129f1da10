package redis

import (
	"fmt"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
)

// electionDelay bounds the time that a replica waits before it asks for votes: half a
// second and up to half a second by chance, and a second more for each replica of the
// same primary that has more data ("Redis cluster specification", replica election).
const electionDelay = time.Second

// Detection implements targets.Detector. A node counts as failed when a majority of the
// primaries has not heard of it for cluster-node-timeout, which they tell each other by
// gossip; reports are good for twice that time, so that it is over by then. One primary
// with replicas has no failover.
func (Target) Detection(cfg targets.Config) history.Detection {
	s, err := parse(cfg)
	if err != nil || !s.cluster {
		return history.Detection{}
	}
	after := 2*s.nodeTimeout + time.Duration(s.replicas())*electionDelay
	return history.Detection{After: after, By: fmt.Sprintf("cluster-node-timeout of %s, gossip and the election of a replica", duration.Text(s.nodeTimeout)), Deposes: true}
}
