package quorumkv

import (
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
)

var _ targets.Lacker = (*Target)(nil)

// Lacks implements targets.Lacker: members and ranges change with some settings alone.
func (*Target) Lacks(cfg targets.Config, a ability.Ability) string {
	o := cfg.Options
	n, err := replicas(cfg)
	switch {
	case a == ability.Sync:
		return ability.SyncsNothing(optFsync, fsyncOff)
	case a != ability.Membership && a != ability.Ranges || err != nil && o[optMode] == leaderless.Mode:
		return ""
	case a == ability.Membership && o[optMode] == consensus.Mode:
		if o[optMembers] != "" {
			return fmt.Sprintf("leave --set %s out", optMembers)
		}
		return "there is one node: give more --nodes"
	case a == ability.Membership && o[optMode] != leaderless.Mode:
		return fmt.Sprintf("it is there with --set %s=%s or %s, not with %s", optMode, leaderless.Mode, consensus.Mode, o[optMode])
	case o[optMode] != leaderless.Mode:
		return fmt.Sprintf("it is there with --set %s=%s, not with %s", optMode, leaderless.Mode, o[optMode])
	case a == ability.Ranges && o[optPartitioner] != string(placement.Range):
		return fmt.Sprintf("it is there with --set %s=%s, not with %s, and with more --nodes than %s", optPartitioner, placement.Range, o[optPartitioner], optReplication)
	case n >= cfg.Nodes:
		return fmt.Sprintf("each of the %d nodes has all keys: give more --nodes, or a smaller --set %s", cfg.Nodes, optReplication)
	case o[optMembers] != "":
		return fmt.Sprintf("leave --set %s out", optMembers)
	case o[optSloppy] == "true":
		return fmt.Sprintf("leave --set %s out", optSloppy)
	}
	return fmt.Sprintf("leave --set %s out", optGrace)
}
