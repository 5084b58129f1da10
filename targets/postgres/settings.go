package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/replication"
)

// The read levels.
const (
	// readPrimary asks the primary.
	readPrimary = "primary"
	// readReplica asks the session's node if it is a standby, else the next one.
	readReplica = "replica"
	// readAny asks the session's node, whatever it is.
	readAny = "any"
	// readSticky asks the primary for a time after the session's own last write,
	// and a replica otherwise.
	readSticky = "sticky"
	// readWaitForLSN asks a replica as soon as it has replayed the session's own
	// last commit, and fails if it does not within the deadline.
	readWaitForLSN = "wait-for-lsn"
	// readMaxLag asks a replica that was found, at the last look, to be no further
	// behind than the option max-lag, and the primary when there is none.
	readMaxLag = "max-lag"
)

var readLevels = []string{readPrimary, readReplica, readAny, readSticky, readWaitForLSN, readMaxLag}

// The write levels are the values of synchronous_commit.
const (
	writeOff         = "off"
	writeLocal       = "local"
	writeRemoteWrite = "remote_write"
	writeOn          = "on"
	writeRemoteApply = "remote_apply"
)

// writeDefault leaves synchronous_commit as it is set up, where that is not for us
// to say.
const writeDefault = "default"

// writeLevels has the default first, then the others from weak to strong.
var writeLevels = []string{writeOn, writeOff, writeLocal, writeRemoteWrite, writeRemoteApply}

// The options.
const (
	optTopology      = "topology"
	optSync          = "sync"
	optSticky        = "sticky"
	optMaxLag        = "max-lag"
	optIsolation     = "isolation"
	optFailover      = "failover"
	optFailoverAfter = "failover-after"
	optApplyDelay    = "apply-delay"
	optFsync         = "fsync"
	optFullPages     = "full_page_writes"
	optSoftware      = "software"
	optBindir        = "bindir"
)

// The values of the settings that PostgreSQL has as a boolean.
const (
	on  = "on"
	off = "off"
)

// Where the software comes from.
const (
	softwareFetched = "fetched"
	softwarePath    = "path"
)

// Who promotes a standby.
const (
	failoverOff = "off"
	// failoverOn is the failover manager of this package, failoverPatroni is Patroni.
	failoverOn      = "on"
	failoverPatroni = "patroni"
)

var options = append([]targets.Option{
	{Name: optTopology, Default: topologyStreaming, Values: []string{topologyStreaming, topologyMultiLeader}, Help: "a primary and its standbys, or every node a leader that the others subscribe to (logical replication, origin=none)"},
	{Name: optSync, Default: "none", Help: "synchronous_standby_names: none, any:K or first:K of the standbys"},
	{Name: optSticky, Default: "5s", Help: "read level sticky: how long after its own write a session reads from the primary"},
	{Name: optMaxLag, Default: "1s", Help: "read level max-lag: how far behind a replica may be that is still read from"},
	{Name: optIsolation, Default: "read committed", Values: isolations, Help: "isolation level of every transaction"},
	{Name: optFailover, Default: failoverOff, Values: []string{failoverOff, failoverOn, failoverPatroni}, Help: "promote a standby when the primary is gone: by a failover manager of lapse's own, or by Patroni, which runs every server"},
	{Name: optFailoverAfter, Default: "1s", Help: "how long the primary must be gone before a standby is promoted"},
	{Name: optApplyDelay, Default: "0s", Help: "recovery_min_apply_delay: how late the standbys replay every commit"},
	{Name: optFsync, Default: on, Values: []string{on, off}, Help: "off: the server syncs nothing, so that a power failure loses commits and can corrupt the data; a kill loses nothing"},
	{Name: optFullPages, Default: on, Values: []string{on, off}, Help: "off: a page that a power failure left half written is not repaired from the log"},
	{Name: optPooler, Default: poolerNone, Values: []string{poolerNone, poolerSession, poolerTransaction}, Help: "a PgBouncer on each node between its server and clients, with this pool_mode"},
	{Name: optSoftware, Default: softwareFetched, Values: []string{softwareFetched, softwarePath}, Help: "the fetched PostgreSQL, or the one installed on this machine, which Patroni takes always"},
	{Name: optBindir, Default: "", Help: "directory with initdb and postgres, instead of software"},
}, patroniOptions...)

// isolationSerializable is the isolation level that standbys do not have.
const isolationSerializable = "serializable"

var isolations = []string{"read committed", "repeatable read", isolationSerializable}

// syncRule is which standbys a commit waits for.
type syncRule struct {
	// method is "", "any" or "first"; count is how many standbys.
	method string
	count  int
}

// String is the rule as the option spells it.
func (r syncRule) String() string {
	if r.method == "" {
		return "none"
	}
	return r.method + ":" + strconv.Itoa(r.count)
}

// names is the value of synchronous_standby_names for a primary with these
// standbys.
func (r syncRule) names(standbys []string) string {
	if r.method == "" || len(standbys) == 0 {
		return ""
	}
	quoted := make([]string, len(standbys))
	for i, s := range standbys {
		quoted[i] = strconv.Quote(s)
	}
	return fmt.Sprintf("%s %d (%s)", strings.ToUpper(r.method), r.count, strings.Join(quoted, ", "))
}

// settings is a Config in our own terms.
type settings struct {
	// options are all of them, as they are spelled.
	options     map[string]string
	nodes       int
	read, write string
	multiLeader bool
	sync        syncRule
	sticky      time.Duration
	maxLag      time.Duration
	isolation   string
	failover    string
	patroni     patroniSettings
	// dialect describes an external cluster; the zero value for a cluster that lapse started.
	dialect       dialect
	failoverAfter time.Duration
	applyDelay    time.Duration
	// fsync and fullPages are on or off.
	fsync, fullPages string
	software         string
	bindir           string
	// pooler is poolerNone or a pool_mode; empty on an external cluster.
	pooler string
}

// acknowledgedOnStandbys returns the number of standbys that have the WAL of a commit at least
// in their operating system's memory when it is acknowledged.
func (s settings) acknowledgedOnStandbys() int {
	switch s.write {
	case writeRemoteWrite, writeOn, writeRemoteApply:
		return s.sync.count
	}
	return 0
}

// parse checks a Config and fills in what it leaves open. Its errors are
// *targets.UsageError.
func parse(cfg targets.Config) (settings, error) {
	s := settings{nodes: cfg.Nodes, read: cfg.ReadLevel, write: cfg.WriteLevel}
	if s.nodes == 0 {
		s.nodes = info.DefaultNodes
	}
	if s.nodes < info.MinNodes || s.nodes > info.MaxNodes {
		return s, targets.Usagef("--nodes %d: postgres runs on %d to %d nodes, one of them the primary", s.nodes, info.MinNodes, info.MaxNodes)
	}
	s.multiLeader = cfg.Options[optTopology] == topologyMultiLeader
	if s.read == "" {
		s.read = readLevels[0]
		if s.multiLeader {
			s.read = readAny
		}
	}
	if s.write == "" {
		s.write = writeLevels[0]
	}
	if !slices.Contains(readLevels, s.read) {
		return s, targets.Usagef("--read-level %s: postgres reads at %s", s.read, strings.Join(readLevels, ", "))
	}
	if !slices.Contains(writeLevels, s.write) {
		return s, targets.Usagef("--write-level %s: postgres writes at the values of synchronous_commit: %s", s.write, strings.Join(writeLevels, ", "))
	}
	given := map[string]string{}
	for k, v := range cfg.Options {
		if k == optIsolation {
			v = spellIsolation(v)
		}
		given[k] = v
	}
	opts, err := targets.ResolveOptions(info, given)
	if err != nil {
		return s, err
	}
	s.options = opts
	s.isolation, s.software, s.bindir = opts[optIsolation], opts[optSoftware], opts[optBindir]
	s.failover, s.pooler = opts[optFailover], opts[optPooler]
	s.fsync, s.fullPages = opts[optFsync], opts[optFullPages]
	if s.failover == failoverPatroni && s.software == softwareFetched {
		s.software = softwarePath // the fetched one lacks the programs that Patroni calls
		opts[optSoftware] = s.software
	}
	if s.patroni, err = parsePatroni(opts); err != nil {
		return s, err
	}
	if s.sync, err = parseSync(opts[optSync], s.nodes-1); err != nil {
		return s, err
	}
	opts[optSync] = s.sync.String()
	err = targets.Durations(opts, []targets.DurationSetting{
		{Option: optSticky, Value: &s.sticky, Least: time.Millisecond},
		{Option: optMaxLag, Value: &s.maxLag, Least: replication.NearEvery},
		{Option: optFailoverAfter, Value: &s.failoverAfter, Least: 100 * time.Millisecond},
		{Option: optApplyDelay, Value: &s.applyDelay, Least: 0},
	})
	if err != nil {
		return s, err
	}
	if err := s.poolerCombination(cfg.Containers); err != nil {
		return s, err
	}
	return s, s.combination()
}

// spellIsolation is an isolation level as PostgreSQL spells it.
func spellIsolation(level string) string {
	return strings.ToLower(strings.NewReplacer("-", " ", "_", " ").Replace(level))
}

func parseSync(text string, standbys int) (syncRule, error) {
	if text == "none" {
		return syncRule{}, nil
	}
	method, count, _ := strings.Cut(text, ":")
	k, err := strconv.Atoi(count)
	if (method != "any" && method != "first") || err != nil || k < 1 {
		return syncRule{}, targets.Usagef("--set sync=%s: must be none, any:K or first:K, where K is how many standbys a commit waits for", text)
	}
	if k > standbys {
		return syncRule{}, targets.Usagef("--set sync=%s: there are only %d standbys; lower K or raise --nodes to %d", text, standbys, k+1)
	}
	return syncRule{method, k}, nil
}

// combination refuses settings that cannot be served together.
func (s settings) combination() error {
	if err := s.leaderCombination(); err != nil {
		return err
	}
	if err := s.patroni.combination(s); err != nil {
		return err
	}
	if s.sync.count == 0 && s.failover != failoverPatroni && (s.write == writeRemoteWrite || s.write == writeRemoteApply) {
		way := "with a single node use on or local"
		if s.nodes > 1 {
			way = "add --set sync=any:1"
		}
		return targets.Usagef("--write-level %s: without synchronous standbys it is the same as local; %s", s.write, way)
	}
	if s.nodes == 1 && (s.read == readReplica || s.read == readSticky || s.read == readWaitForLSN || s.read == readMaxLag) {
		return targets.Usagef("--read-level %s: there is no replica with --nodes 1; use more nodes, or read from the primary", s.read)
	}
	if s.nodes == 1 && s.failover != failoverOff {
		return targets.Usagef("--set failover=%s: there is no standby with --nodes 1; use more nodes", s.failover)
	}
	if s.isolation == isolationSerializable && s.read != readPrimary {
		return targets.Usagef("--set isolation=serializable with --read-level %s: PostgreSQL has no serializable transactions on a standby; use --read-level primary, or repeatable read", s.read)
	}
	if s.applyDelay > 0 && s.failover != failoverOff {
		return targets.Usagef("--set apply-delay=%v with --set failover=%s: a standby that replays late does not know how much it has received after a restart, so that the most advanced one cannot be told; use one of them", s.applyDelay, s.failover)
	}
	if s.applyDelay > 0 && s.write == writeRemoteApply {
		return targets.Usagef("--set apply-delay=%v with --write-level remote_apply: every commit would wait for it; use another write level", s.applyDelay)
	}
	return nil
}

// complete is cfg with everything filled in that it left open.
func (s settings) complete(cfg targets.Config) targets.Config {
	cfg.Nodes, cfg.ReadLevel, cfg.WriteLevel, cfg.Options = s.nodes, s.read, s.write, s.options
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = targets.DefaultOpTimeout
	}
	return cfg
}
