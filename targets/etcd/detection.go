package etcd

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets"
)

// Detection implements targets.Detector. A follower stands for election after a silence
// of one to two election timeouts, drawn anew each time ("In Search of an Understandable
// Consensus Algorithm", 5.2; etcd's raft); a leader that hears no majority for one steps
// down (CheckQuorum).
func (Target) Detection(cfg targets.Config) history.Detection {
	s, err := parse(cfg)
	if err != nil {
		return history.Detection{}
	}
	return history.Detection{After: 2 * s.election, By: fmt.Sprintf("an election after up to two election timeouts of %s", duration.Text(s.election)), Deposes: true}
}
