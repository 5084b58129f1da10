package nats

import (
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// The fixed times of NATS' raft groups (server/raft.go: maxElectionTimeout and
// lostQuorumInterval). No setting changes them.
const (
	longestElection = 9 * time.Second
	quorumLost      = 10 * time.Second
)

// Detection implements targets.Detector: followers of a stream's leader stand for
// election after a silence of 4 s to 9 s, and a leader steps down that has heard no
// majority for 10 s.
func (Target) Detection(targets.Config) history.Detection {
	return history.Detection{After: max(longestElection, quorumLost), By: "NATS' raft groups, which elect after 4 s to 9 s of silence and depose after 10 s", Deposes: true}
}
