package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// The options of failover=patroni, which are called as Patroni calls them.
const (
	optDCS        = "dcs"
	optTTL        = "ttl"
	optMaximumLag = "maximum_lag_on_failover"
	optSyncMode   = "synchronous_mode"
	optSyncStrict = "synchronous_mode_strict"
)

// Where Patroni's store is.
const (
	// dcsBeside: one etcd on a node of its own, which no fault touches.
	dcsBeside = "beside"
	// dcsNodes: a member of etcd on each of the first nodes, three at most, which
	// shares their fate.
	dcsNodes = "nodes"
)

var patroniOptions = []targets.Option{
	{Name: optDCS, Default: dcsBeside, Values: []string{dcsBeside, dcsNodes}, Help: "failover=patroni: etcd on a node that no fault touches, or a member on each of the first three nodes, cut off and killed with them"},
	{Name: optTTL, Default: "5s", Help: "failover=patroni: how long the leader's lease lasts, in whole seconds; loop_wait is 1s, retry_timeout half of what is left"},
	{Name: optMaximumLag, Default: "1048576", Help: "failover=patroni: how many bytes of the log a standby may lack that is promoted"},
	{Name: optSyncMode, Default: "off", Values: []string{"off", "on"}, Help: "failover=patroni: commits wait for a standby that Patroni chooses, as long as there is one, and no other is promoted"},
	{Name: optSyncStrict, Default: "off", Values: []string{"off", "on"}, Help: "failover=patroni with synchronous_mode: commits wait when there is no such standby, too"},
}

// patroniSettings are those of patroniOptions.
type patroniSettings struct {
	dcs          string
	ttl          time.Duration
	maximumLag   int64
	sync, strict bool
}

// loopWait is Patroni's loop_wait: how often it looks, and renews the lease.
const loopWait = time.Second

// leastTTL is longer than leaderTimeout and two rounds: with less, a candidate's own word
// from etcd is too old when it has asked, and nobody is ever promoted.
const leastTTL = 5 * time.Second

func parsePatroni(opts map[string]string) (patroniSettings, error) {
	p := patroniSettings{dcs: opts[optDCS], sync: opts[optSyncMode] == "on", strict: opts[optSyncStrict] == "on"}
	var err error
	if p.ttl, err = time.ParseDuration(opts[optTTL]); err != nil || p.ttl < leastTTL || p.ttl%time.Second != 0 {
		return p, targets.Usagef("--set %s=%s: want whole seconds, %v or more, such as 30s", optTTL, opts[optTTL], leastTTL)
	}
	if p.maximumLag, err = strconv.ParseInt(opts[optMaximumLag], 10, 64); err != nil || p.maximumLag < 0 {
		return p, targets.Usagef("--set %s=%s: want a number of bytes, such as 1048576", optMaximumLag, opts[optMaximumLag])
	}
	if p.strict && !p.sync {
		return p, targets.Usagef("--set %s=on: it says what %s does without a standby; add --set %s=on", optSyncStrict, optSyncMode, optSyncMode)
	}
	if opts[optFailover] != failoverPatroni {
		for _, o := range patroniOptions {
			if opts[o.Name] != o.Default {
				return p, targets.Usagef("--set %s=%s: it is a setting of Patroni's; add --set %s=%s", o.Name, opts[o.Name], optFailover, failoverPatroni)
			}
		}
	}
	opts[optTTL], opts[optMaximumLag] = p.ttl.String(), strconv.FormatInt(p.maximumLag, 10)
	return p, nil
}

// combination refuses what Patroni decides itself.
func (p patroniSettings) combination(s settings) error {
	switch {
	case s.failover != failoverPatroni:
		return nil
	case s.sync.count > 0:
		return targets.Usagef("--set sync=%v with --set failover=patroni: Patroni sets synchronous_standby_names itself; use --set %s=on", s.sync, optSyncMode)
	case !p.sync && (s.write == writeRemoteWrite || s.write == writeRemoteApply):
		return targets.Usagef("--write-level %s: without synchronous standbys it is the same as local; add --set %s=on", s.write, optSyncMode)
	}
	return nil
}

// leaderTimeout bounds a candidate's wait for the Patroni of a leader that it cannot
// reach, which it asks first.
const leaderTimeout = 2 * time.Second

// detection returns the time for which a leader must be gone to be replaced: its lease runs out, and a candidate sees
// that in its next round.
func (p patroniSettings) detection() time.Duration { return p.ttl + loopWait + leaderTimeout }

// rest is the port of Patroni's own interface, as a Spec numbers it; the others are
// etcd's.
const (
	rest       = 8008
	etcdClient = 2379
	etcdPeer   = 2380
)

// patroniConfig returns the configuration of a node's Patroni. JSON is YAML.
func (m *manager) patroniConfig(node int) ([]byte, error) {
	s := m.sys
	n := s.Nodes[node]
	var errs []error
	bind := func(port int) string {
		addr, err := s.Cluster.Bind(n.Name(), port)
		errs = append(errs, err)
		return addr
	}
	var stores []string
	for _, member := range m.members {
		addr, err := s.Cluster.Route(n.Name(), member.Name(), etcdClient)
		stores, errs = append(stores, addr), append(errs, err)
	}
	login := map[string]string{"username": superuser}
	rules := []string{"host all all 0.0.0.0/0 trust", "host replication all 0.0.0.0/0 trust"}
	parameters := map[string]string{}
	for _, set := range s.set.fixedSettings(s.software) {
		parameters[set.name] = set.value
	}
	p := s.set.patroni
	retry := (p.ttl - loopWait) / 2
	type object = map[string]any
	config := object{
		"scope": "lapse", "name": n.Name(),
		"restapi": object{"listen": bind(rest), "connect_address": bind(rest)},
		"etcd3":   object{"hosts": stores},
		"bootstrap": object{
			"dcs": object{
				"ttl": int(p.ttl.Seconds()), "loop_wait": int(loopWait.Seconds()), "retry_timeout": int(retry.Seconds()),
				"maximum_lag_on_failover": p.maximumLag, "synchronous_mode": p.sync, "synchronous_mode_strict": p.strict,
				// What all nodes must agree on counts only here.
				"postgresql": object{"use_pg_rewind": true, "parameters": parameters},
			},
			"initdb": []any{object{"encoding": "UTF8"}, object{"locale": "C"}},
		},
		"postgresql": object{
			"listen": bind(port), "connect_address": bind(port), "data_dir": dataDir(n), "bin_dir": s.software.bindir,
			"pgpass":         filepath.Join(n.Dir(), "pgpass"),
			"authentication": object{"superuser": login, "replication": login},
			"parameters":     parameters, "pg_hba": rules,
			"basebackup": []any{object{"checkpoint": "fast"}},
			// A data directory that pg_rewind cannot mend is copied anew.
			"remove_data_directory_on_rewind_failure": true, "remove_data_directory_on_diverged_timelines": true,
		},
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("configuring %s: %w", n.Name(), err)
	}
	return json.MarshalIndent(config, "", "  ")
}

// patroniSpec changes a Spec to what Patroni needs: its members know each other by one
// address, and no image of ours has it.
func (p patroniSettings) patroniSpec(spec cluster.Spec) cluster.Spec {
	spec.Ports = append(slices.Clone(spec.Ports), rest, etcdClient, etcdPeer)
	spec.LinkByLink, spec.Container = false, nil
	if p.dcs == dcsBeside {
		spec.Beside = []string{"etcd"}
	}
	return spec
}
