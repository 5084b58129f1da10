package etcd

import (
	"path/filepath"
	"time"

	"github.com/lapse-test/lapse/targets"
)

// The target's options.
const (
	optVersion   = "version"
	optSoftware  = "software"
	optCompare   = "compare"
	optSets      = "sets"
	optLeaseTTL  = "lease_ttl"
	optSection   = "section"
	optHeartbeat = "heartbeat_interval"
	optElection  = "election_timeout"
	optNoFsync   = "unsafe_no_fsync"
)

// The levels. All writes have one: a majority has them in its log.
const (
	readLinearizable = "linearizable"
	readSerializable = "serializable"
	writeQuorum      = "quorum"
)

// What a compare-and-set compares.
const (
	compareRevision = "revision"
	compareValue    = "value"
)

// How an element is added to a set.
const (
	setsKeys   = "keys"
	setsLock   = "lock"
	setsFenced = "fenced-lock"
)

// noFsync is the value of unsafe_no_fsync with which nothing is synced.
const noFsync = "true"

var readLevels = []string{readLinearizable, readSerializable}

// clientOptions are those that an external cluster has too.
var clientOptions = []targets.Option{
	{Name: optCompare, Default: compareRevision, Values: []string{compareRevision, compareValue}, Help: "what a compare-and-set compares: the revision of the value that was read before, or the value"},
	{Name: optSets, Default: setsKeys, Values: []string{setsKeys, setsLock, setsFenced}, Help: "how an element is added to a set: as a key of its own, or by a read and a write of one key under a lease-based lock, the write checked by nobody or by the lock's fencing token"},
	{Name: optLeaseTTL, Default: "2s", Help: "time to live of the leases of locks, in whole seconds; etcd's least is 1.5 times the election timeout"},
	{Name: optSection, Default: "0s", Help: "how long a client with a lock works between the read and the write of sets=lock and sets=fenced-lock"},
}

var options = append([]targets.Option{
	{Name: optVersion, Default: defaultVersion, Values: versionNames(), Help: "the server's version: 3.4 is Debian's, the others are built by the go command once"},
	{Name: optSoftware, Default: "", Help: "the path of another etcd program instead"},
	{Name: optHeartbeat, Default: "100ms", Help: "how often a leader says that it is there (--heartbeat-interval)"},
	{Name: optElection, Default: "1s", Help: "after which silence of the leader a member stands for election (--election-timeout)"},
	{Name: optNoFsync, Default: "false", Values: []string{"false", noFsync}, Help: "true: members sync nothing (--unsafe-no-fsync), so that a power failure loses what a majority acknowledged"},
}, clientOptions...)

// settings are a resolved configuration.
type settings struct {
	serializable        bool
	compare, sets       string
	ttl, section        time.Duration
	heartbeat, election time.Duration
	noFsync             bool
	version, software   string
	timeout             time.Duration
}

const (
	maxTTL      = time.Hour
	maxSection  = time.Minute
	maxElection = 50 * time.Second // etcd refuses more
)

// parse reads cfg, which is complete. Its errors are *targets.UsageError.
func parse(cfg targets.Config) (settings, error) {
	o := cfg.Options
	s := settings{
		serializable: cfg.ReadLevel == readSerializable, compare: o[optCompare], sets: o[optSets],
		version: o[optVersion], software: o[optSoftware], timeout: cfg.OpTimeout,
		noFsync: o[optNoFsync] == noFsync,
	}
	err := targets.CheckLevels(Target{}.Info(), cfg)
	if err != nil {
		return s, err
	}
	if s.ttl, err = time.ParseDuration(o[optLeaseTTL]); err != nil || s.ttl < time.Second || s.ttl > maxTTL || s.ttl%time.Second != 0 {
		return s, targets.Usagef("--set %s=%s: want whole seconds, from 1s to %v", optLeaseTTL, o[optLeaseTTL], maxTTL)
	}
	if s.section, err = targets.DurationOption(o, optSection, 0, maxSection); err != nil {
		return s, err
	}
	if _, ours := o[optElection]; !ours {
		return s, nil // an external cluster has its own
	}
	if s.heartbeat, err = targets.DurationOption(o, optHeartbeat, time.Millisecond, maxElection/5); err != nil {
		return s, err
	}
	if s.election, err = time.ParseDuration(o[optElection]); err != nil || s.election < 5*s.heartbeat || s.election > maxElection {
		return s, targets.Usagef("--set %s=%s: etcd wants five times %s (%v) at least and %v at most", optElection, o[optElection], optHeartbeat, s.heartbeat, maxElection)
	}
	if s.software != "" && !filepath.IsAbs(s.software) {
		return s, targets.Usagef("--set %s=%s: want the absolute path of an etcd program", optSoftware, s.software)
	}
	return s, nil
}
