package mysql

import (
	"fmt"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/replication"
)

const (
	// suspectTimeout is evs.suspect_timeout, which is left at Galera's default, and
	// viewTime what it takes the others to agree on a view without the node
	// (evs.inactive_check_period and the exchange of join messages): cut-off nodes were
	// seen to serve for 6.3 s.
	suspectTimeout = 5 * time.Second
	viewTime       = 1500 * time.Millisecond
	// netTimeout is slave-net-timeout, after which a replica takes a silent primary for
	// gone; see replicationArgs.
	netTimeout = 2 * time.Second
)

// Detection implements targets.Detector. Members of a Galera cluster vote out a node
// that they do not hear; in replication it is the failover manager of failover=on who looks.
func (Target) Detection(cfg targets.Config) history.Detection {
	s, err := parse(cfg)
	switch {
	case err != nil:
		return history.Detection{}
	case s.galera:
		return history.Detection{After: suspectTimeout + viewTime, By: fmt.Sprintf("Galera's evs.suspect_timeout of %s and the view without the node", duration.Text(suspectTimeout)), Deposes: true}
	case s.failover:
		after := s.failoverAfter + netTimeout + askTimeout + 2*replication.LookEvery
		return history.Detection{After: after, By: fmt.Sprintf("the failover manager with %s=%v", optFailoverAfter, s.failoverAfter), Deposes: true}
	}
	return history.Detection{}
}
