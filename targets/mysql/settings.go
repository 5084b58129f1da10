package mysql

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/replication"
)

// The options, each called as MariaDB calls it where it has one.
const (
	optTopology      = "topology"
	optIsolation     = "isolation"
	optSnapshot      = "innodb_snapshot_isolation"
	optFlush         = "innodb_flush_log_at_trx_commit"
	optSyncBinlog    = "sync_binlog"
	optSemiSyncWait  = "rpl_semi_sync_master_timeout"
	optSticky        = "sticky"
	optMaxLag        = "max-lag"
	optFailover      = "failover"
	optFailoverAfter = "failover-after"
	optRestart       = "restart"
	optWriters       = "writers"
)

// The values of the option topology.
const (
	topologyReplication = "replication"
	topologyGalera      = "galera"
)

// The read levels of the topology replication; see route.
const (
	readPrimary = "primary"
	readReplica = "replica"
	readAny     = "any"
	readSticky  = "sticky"
	readGTID    = "wait-for-gtid"
	readMaxLag  = "max-lag"
)

// The read levels of a Galera cluster are the values of wsrep_sync_wait, a sum of bits
// (1: reads, 2: updates and deletes, 4: inserts), and reads that a node without a
// quorum answers, too (wsrep_dirty_reads).
const (
	readSync0 = "sync_wait:0"
	readSync1 = "sync_wait:1"
	readSync7 = "sync_wait:7"
	readDirty = "dirty"
)

// The write levels: asynchronous replication, the two wait points of semi-synchronous
// replication (rpl_semi_sync_master_wait_point), and Galera's only one.
const (
	writeAsync       = "async"
	writeAfterSync   = "AFTER_SYNC"
	writeAfterCommit = "AFTER_COMMIT"
	writeCertified   = "certified"
)

var (
	readLevels = map[string][]string{
		topologyReplication: {readPrimary, readReplica, readAny, readSticky, readGTID, readMaxLag},
		topologyGalera:      {readSync0, readSync1, readSync7, readDirty},
	}
	writeLevels = map[string][]string{
		topologyReplication: {writeAsync, writeAfterSync, writeAfterCommit},
		topologyGalera:      {writeCertified},
	}
)

// The isolation levels that are spoken of here.
const (
	readCommitted  = "READ-COMMITTED"
	repeatableRead = "REPEATABLE-READ"
	serializable   = "SERIALIZABLE"
)

// The values of the option restart: how nodes of a Galera cluster are started that were
// killed.
const (
	restartRecovered = "recovered"
	restartPlain     = "plain"
)

// The values of the option writers: which nodes of a Galera cluster sessions use.
const (
	writersAll = "all"
	writersOne = "one"
)

const (
	on  = "on"
	off = "off"
)

// The values of innodb_flush_log_at_trx_commit: the log is written and synced every second,
// or with each commit, or written with each commit and synced every second.
const (
	flushEverySecond = "0"
	flushAtCommit    = "1"
	flushWritten     = "2"
)

// syncBinlogAlways syncs the binary log before a commit is acknowledged; mostSyncBinlog is
// MariaDB's largest value.
const (
	syncBinlogAlways = "1"
	mostSyncBinlog   = 1<<32 - 1
)

var options = []targets.Option{
	{Name: optTopology, Default: topologyReplication, Values: []string{topologyReplication, topologyGalera}, Help: "a primary (the first node) with replicas, or a Galera cluster of three nodes or more that all take writes"},
	{Name: optIsolation, Default: repeatableRead, Values: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, Help: "isolation level of every session"},
	{Name: optSnapshot, Default: off, Values: []string{off, on}, Help: "innodb_snapshot_isolation: at REPEATABLE-READ, a write of a row that changed since the snapshot is error 1020"},
	{Name: optFlush, Default: "1", Values: []string{flushEverySecond, flushAtCommit, flushWritten}, Help: "innodb_flush_log_at_trx_commit: at 0 a killed server loses up to a second of commits, at 2 a power failure does"},
	{Name: optSyncBinlog, Default: syncBinlogAlways, Help: "sync_binlog: after how many groups of commits the binary log is synced, 0 for never by the server (MariaDB's own default); other than 1 a power failure loses commits"},
	{Name: optSemiSyncWait, Default: "10s", Help: "rpl_semi_sync_master_timeout: after which a commit that no replica acknowledges is acknowledged all the same"},
	{Name: optSticky, Default: "5s", Help: "read level sticky: how long after its own write a session reads from the primary"},
	{Name: optMaxLag, Default: "1s", Help: "read level max-lag: how far behind a replica may be that is still read from"},
	{Name: optFailover, Default: off, Values: []string{off, on}, Help: "promote the most advanced replica when the primary is gone"},
	{Name: optFailoverAfter, Default: "1s", Help: "how long the primary must be gone before a replica is promoted"},
	{Name: optRestart, Default: restartRecovered, Values: []string{restartRecovered, restartPlain}, Help: "how a killed node of a Galera cluster is started: with the position that mariadbd --wsrep-recover finds, as Debian's service does, or without"},
	{Name: optWriters, Default: writersAll, Values: []string{writersAll, writersOne}, Help: "Galera: sessions use the nodes that they ask, or the first one alone, as behind a proxy with one writer"},
}

// settings are a Config in our own terms.
type settings struct {
	// options are all of them, as they are spelled.
	options     map[string]string
	nodes       int
	galera      bool
	read, write string
	isolation   string
	snapshot    bool
	flush       string
	// syncBinlog is a number; a Galera cluster here has no binary log.
	syncBinlog    string
	semiSyncWait  time.Duration
	sticky        time.Duration
	maxLag        time.Duration
	failover      bool
	failoverAfter time.Duration
	recovered     bool
	oneWriter     bool
	timeout       time.Duration
	// ours says that the servers are started here, so that what only an administrator
	// or MariaDB knows can be asked for.
	ours bool
}

// parse checks a Config and fills in what it leaves open. Its errors are
// *targets.UsageError.
func parse(cfg targets.Config) (settings, error) {
	s := settings{nodes: cfg.Nodes, read: cfg.ReadLevel, write: cfg.WriteLevel, timeout: cfg.OpTimeout, ours: true}
	if s.nodes == 0 {
		s.nodes = info.DefaultNodes
	}
	if s.timeout == 0 {
		s.timeout = targets.DefaultOpTimeout
	}
	given := map[string]string{}
	for k, v := range cfg.Options {
		given[k] = spell(k, v)
	}
	opts, err := targets.ResolveOptions(info, given)
	if err != nil {
		return s, err
	}
	s.options = opts
	topology := opts[optTopology]
	s.galera, s.isolation, s.flush = topology == topologyGalera, opts[optIsolation], opts[optFlush]
	s.syncBinlog = opts[optSyncBinlog]
	if n, err := strconv.ParseUint(s.syncBinlog, 10, 64); err != nil || n > mostSyncBinlog {
		return s, targets.Usagef("--set %s=%s: want a number from 0 to %d", optSyncBinlog, s.syncBinlog, uint64(mostSyncBinlog))
	}
	s.snapshot, s.failover, s.recovered = opts[optSnapshot] == on, opts[optFailover] == on, opts[optRestart] == restartRecovered
	s.oneWriter = opts[optWriters] == writersOne
	if s.read, err = level("read", s.read, topology, readLevels); err != nil {
		return s, err
	}
	if s.write, err = level("write", s.write, topology, writeLevels); err != nil {
		return s, err
	}
	err = targets.Durations(opts, []targets.DurationSetting{
		{Option: optSemiSyncWait, Value: &s.semiSyncWait, Least: time.Millisecond},
		{Option: optSticky, Value: &s.sticky, Least: time.Millisecond},
		{Option: optMaxLag, Value: &s.maxLag, Least: replication.NearEvery},
		{Option: optFailoverAfter, Value: &s.failoverAfter, Least: 100 * time.Millisecond},
	})
	if err != nil {
		return s, err
	}
	return s, s.combination(given)
}

// level is the level that was asked for, the topology's first if none was.
func level(kind, asked, topology string, all map[string][]string) (string, error) {
	if asked == "" {
		return all[topology][0], nil
	}
	if slices.Contains(all[topology], asked) {
		return asked, nil
	}
	for other, list := range all {
		if slices.Contains(list, asked) {
			return "", targets.Usagef("--%s-level %s is one of --set %s=%s; with %s there are %s", kind, asked, optTopology, other, topology, strings.Join(all[topology], ", "))
		}
	}
	return "", targets.Usagef("--%s-level %s: with --set %s=%s there are %s", kind, asked, optTopology, topology, strings.Join(all[topology], ", "))
}

// spell is an option's value as MariaDB spells it.
func spell(option, value string) string {
	switch option {
	case optIsolation:
		return strings.ToUpper(strings.NewReplacer(" ", "-", "_", "-").Replace(value))
	case optSnapshot:
		return strings.ToLower(value)
	}
	return value
}

// combination refuses settings that cannot be served together; given are the options
// that the user chose.
func (s settings) combination(given map[string]string) error {
	if s.galera {
		if s.nodes < 3 {
			return targets.Usagef("--nodes %d: a Galera cluster needs three nodes or more, of which a majority decides; use --nodes 3, or --set %s=%s", s.nodes, optTopology, topologyReplication)
		}
		if s.failover {
			return targets.Usagef("--set %s=on: every node of a Galera cluster takes writes, and there is nothing to fail over", optFailover)
		}
		if s.syncBinlog != syncBinlogAlways {
			return targets.Usagef("--set %s=%s: a Galera cluster writes no binary log here; use --set %s=%s", optSyncBinlog, s.syncBinlog, optTopology, topologyReplication)
		}
		return nil
	}
	alone := ""
	switch {
	case s.nodes > 1:
	case s.failover:
		alone = "--set " + optFailover + "=on"
	case s.write != writeAsync:
		alone = "--write-level " + s.write
	case s.read != readPrimary && s.read != readAny:
		alone = "--read-level " + s.read
	}
	if alone != "" {
		return targets.Usagef("%s: there is no replica with --nodes 1; use more nodes", alone)
	}
	for option, value := range map[string]string{optRestart: restartPlain, optWriters: writersOne} {
		if given[option] == value {
			return targets.Usagef("--set %s=%s: only a Galera cluster has that choice; use --set %s=%s", option, value, optTopology, topologyGalera)
		}
	}
	return nil
}

// semiSync says whether commits wait for a replica.
func (s settings) semiSync() bool { return s.write == writeAfterSync || s.write == writeAfterCommit }

// complete is cfg with everything filled in that it left open.
func (s settings) complete(cfg targets.Config) targets.Config {
	cfg.Nodes, cfg.ReadLevel, cfg.WriteLevel, cfg.OpTimeout, cfg.Options = s.nodes, s.read, s.write, s.timeout, s.options
	return cfg
}
