package quorumkv

import (
	"fmt"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
)

// peerTimeout is after which silence a node takes a peer for gone: writes for it are
// kept as hints from then on.
func peerTimeout(request time.Duration) time.Duration { return request / 2 }

// Detection implements targets.Detector: a peer is found silent at a check that comes
// every quarter of its timeout, after one timeout and a quarter. In mode raft it is an election that matters, which a
// follower calls after at most two timeouts; a leader without a majority steps down within as long. In mode single-leader the search for the log that goes furthest comes on top.
func (*Target) Detection(cfg targets.Config) history.Detection {
	switch mode := cfg.Options[optMode]; {
	case mode == singleleader.Mode && cfg.Options[optFailover] == off:
		return history.Detection{}
	case mode == multileader.Mode:
		return history.Detection{} // nobody takes over, and nobody is asked
	case mode != leaderless.Mode:
		election, err := time.ParseDuration(cfg.Options[optElection])
		if err != nil {
			return history.Detection{}
		}
		after := 2 * election
		if mode == singleleader.Mode {
			after += election / 2
		}
		return history.Detection{After: after, By: fmt.Sprintf("the election timeout of %s", duration.Text(election)), Deposes: true}
	}
	request, err := time.ParseDuration(cfg.Options[optRequestTimeout])
	if err != nil {
		return history.Detection{}
	}
	peer := peerTimeout(request)
	return history.Detection{After: peer + peer/2, By: fmt.Sprintf("the peer timeout of %s, after which writes become hints", duration.Text(peer))}
}
