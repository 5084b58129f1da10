package quorumkv

import (
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/ring"
	"github.com/lapse-test/lapse/targets"
)

const (
	// workloadSplits cut the keys of workloads, k0, k1, k2 ..., by their first digit into five ranges.
	workloadSplits = "k2+k4+k6+k8"
	// maxKeyDigits are those of the largest number that a key can have.
	maxKeyDigits = 19
	// noSplits leaves all keys in one range.
	noSplits = "none"
)

// partitionerOptions are those of mode leaderless that say which nodes hold a key.
func partitionerOptions() []targets.Option {
	var names []string
	for _, p := range placement.Partitioners() {
		names = append(names, string(p))
	}
	return []targets.Option{
		{Name: optPartitioner, Default: names[0], Values: names, Help: "which nodes hold a key, where there are more nodes than replicas"},
		{Name: optVirtualNodes, Default: "", Help: "points of each node on the ring, with partitioner=ring (default: " + strconv.Itoa(placement.DefaultVirtualNodes) + ")"},
		{Name: optKeyDigits, Default: "0", Help: "digits with which the numbers of keys are written, so that the order of their bytes is that of their numbers (k000007); 0 writes them as they are (k7)"},
		{Name: optSplitPoints, Default: "", Help: "with partitioner=range, the first keys of all ranges but the first, separated by +, or " + noSplits + " (default: " + workloadSplits + ")"},
	}
}

// resolvePartitioner checks which nodes hold a key, and gives the partitioner's own settings their defaults.
func resolvePartitioner(opts map[string]string) error {
	given := placement.Partitioner(opts[optPartitioner])
	for _, s := range []struct {
		name string
		of   placement.Partitioner
	}{{optVirtualNodes, placement.Ring}, {optSplitPoints, placement.Range}} {
		if opts[s.name] != "" && given != s.of {
			return targets.Usagef("--set %s=%s: is a setting of %s=%s; leave it out with %s=%s", s.name, opts[s.name], optPartitioner, s.of, optPartitioner, given)
		}
	}
	if d, err := strconv.Atoi(opts[optKeyDigits]); err != nil || d < 0 || d > maxKeyDigits {
		return targets.Usagef("--set %s=%s: must be a number from 0 to %d", optKeyDigits, opts[optKeyDigits], maxKeyDigits)
	}
	switch given {
	case placement.Ring:
		if opts[optVirtualNodes] == "" {
			opts[optVirtualNodes] = strconv.Itoa(placement.DefaultVirtualNodes)
		}
		if v, err := strconv.Atoi(opts[optVirtualNodes]); err != nil || v < 1 || v > ring.MaxVirtualNodes {
			return targets.Usagef("--set %s=%s: must be a number from 1 to %d", optVirtualNodes, opts[optVirtualNodes], ring.MaxVirtualNodes)
		}
	case placement.Range:
		if opts[optSplitPoints] == "" {
			opts[optSplitPoints] = workloadSplits
		}
		_, err := placement.New(placement.Options{Partitioner: given, Nodes: []string{"n1"}, Replication: 1,
			VirtualNodes: placement.DefaultVirtualNodes, SplitPoints: splitPoints(opts)})
		if err != nil {
			return targets.Usagef("--set %s=%s: %v", optSplitPoints, opts[optSplitPoints], err)
		}
	}
	return nil
}

// keyName is the name of a key in the store, without what is put before it. Other modes than leaderless have no such setting, which is 0 digits.
func keyName(k history.Key, resolved map[string]string) string {
	name := k.String()
	digits, err := strconv.Atoi(resolved[optKeyDigits])
	if err != nil || digits < len(name) {
		return name
	}
	letter, number := name[:1], name[1:]
	return letter + strings.Repeat("0", digits-len(number)) + number
}

// splitPoints are those of a resolved configuration.
func splitPoints(opts map[string]string) []string {
	if s := opts[optSplitPoints]; s != "" && s != noSplits {
		return strings.Split(s, "+")
	}
	return nil
}

// partitionerArgs are the store's flags for it.
func partitionerArgs(opts map[string]string) []string {
	args := []string{"--partitioner", opts[optPartitioner]}
	if v := opts[optVirtualNodes]; v != "" {
		args = append(args, "--virtual-nodes", v)
	}
	for _, s := range splitPoints(opts) {
		args = append(args, "--split-points", s)
	}
	return args
}
