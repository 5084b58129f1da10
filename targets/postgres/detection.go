package postgres

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/replication"
)

// Detection implements targets.Detector: Postgres itself replaces no primary; the
// failover manager of failover=on does, and Patroni; the former when for the time of failover-after each look found it
// gone, which standbys that are cut off say only after deafAfter.
func (Target) Detection(cfg targets.Config) history.Detection {
	s, err := parse(cfg)
	if err != nil || s.failover == failoverOff {
		return history.Detection{}
	}
	if s.failover == failoverPatroni {
		return history.Detection{After: s.patroni.detection(), By: fmt.Sprintf("Patroni with %s=%v", optTTL, s.patroni.ttl), Deposes: true}
	}
	after := s.failoverAfter + deafAfter + askTimeout + 2*replication.LookEvery
	return history.Detection{After: after, By: fmt.Sprintf("the failover manager with %s=%v", optFailoverAfter, s.failoverAfter), Deposes: true}
}
