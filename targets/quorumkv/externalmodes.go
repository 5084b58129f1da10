package quorumkv

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// narrowTimeout bounds how long the nodes are asked for their mode before levels are known.
const narrowTimeout = 3 * time.Second

// externalOptions are those of a mode whose values clients, or what is promised, have to know: the cluster is set up as it is.
func externalOptions(mode string) []string {
	return map[string][]string{
		leaderless.Mode:   {optFsync, optReplication, optReadRepair, optTimestamps, optSloppy, optGrace},
		consensus.Mode:    {optFsync},
		singleleader.Mode: {optFsync, optFailover, optFencing, optSticky},
		multileader.Mode:  {optFsync, optConflicts},
		sharded.Mode:      {optFsync, optShards, optTransactions},
	}[mode]
}

// externalInfo is what a target has on an external cluster, and its defaults are what a node says of itself; of none h is empty.
func (t *Target) externalInfo(h protocol.Health) targets.Info {
	i := t.Info()
	i.Summary = "quorumkv on an external cluster"
	known := externalOptions(t.mode)
	i.Options = slices.DeleteFunc(i.Options, func(o targets.Option) bool { return o.Name != optMode && !slices.Contains(known, o.Name) })
	for at := range i.Options {
		if said := saysOf(h, i.Options[at].Name); h.Mode == t.mode && said != "" {
			i.Options[at].Default = said
		}
	}
	secure := external.TLSOptions()
	for at := range secure {
		if secure[at].Name == optTLS {
			secure[at].Default, secure[at].Values = off, []string{off, on}
		}
	}
	i.Options = append(i.Options, secure...)
	return i
}

// saysOf is what a node says that an option has; empty if it says nothing.
func saysOf(h protocol.Health, option string) string {
	onOff := func(b *bool) string {
		switch {
		case b == nil:
			return ""
		case *b:
			return on
		}
		return off
	}
	switch option {
	case optMode:
		return h.Mode
	case optFsync:
		return strconv.FormatBool(h.Fsync)
	case optFailover:
		return onOff(h.Failover)
	case optFencing:
		return onOff(h.Fencing)
	case optConflicts:
		return h.Conflicts
	case optTimestamps:
		return h.WriteTimestamps
	case optReadRepair:
		return h.ReadRepair
	case optSloppy:
		return strconv.FormatBool(h.SloppyQuorum)
	case optGrace:
		if h.TombstoneGrace == "" {
			return "0s"
		}
		return h.TombstoneGrace
	case optReplication:
		if h.Replication > 0 {
			return strconv.Itoa(h.Replication)
		}
	case optTransactions:
		return h.Transactions
	case optShards:
		return strconv.Itoa(max(1, len(h.Shards)))
	}
	return ""
}

// narrow asks the nodes in turn for their mode, until one says it: levels, settings and functions are those of the mode. Without an answer they are those that were asked for; the look says why there is none.
func narrow(ctx context.Context, at []string, cfg targets.Config, _ targets.Info) targets.Info {
	var h protocol.Health
	for _, addr := range at {
		var err error
		if h, err = healthOf(ctx, addr, cfg.Options); err == nil && slices.Contains(modes(), h.Mode) {
			break
		}
		h = protocol.Health{}
	}
	return modeOf(cfg.Options, h).externalInfo(h)
}

// modeOf is the target in the mode that is asked for, or else that a node has.
func modeOf(options map[string]string, h protocol.Health) *Target {
	t := New()
	for _, mode := range []string{options[optMode], h.Mode} {
		if slices.Contains(modes(), mode) {
			t.mode = mode
			break
		}
	}
	t.conflicts = multileader.Conflicts(options[optConflicts])
	if t.conflicts == "" {
		t.conflicts = multileader.Conflicts(h.Conflicts)
	}
	return t
}

func healthOf(ctx context.Context, addr string, options map[string]string) (protocol.Health, error) {
	ctx, cancel := context.WithTimeout(ctx, narrowTimeout)
	defer cancel()
	c, err := dialExternal(addr, options)
	if err != nil {
		return protocol.Health{}, err
	}
	defer c.Close()
	return c.Health(ctx)
}

// dialExternal is a client of a node of an external cluster, which connects when it is first used.
func dialExternal(addr string, options map[string]string) (*client.Client, error) {
	s := System{}
	var err error
	if s.secure.client, err = externalTLS(addr, options); err != nil {
		return nil, err
	}
	return s.client(addr, (&net.Dialer{}).DialContext), nil
}

// externalTLS is how to connect to a node with options that need not be resolved: nil for plain text, which is the default. The host is that of the address that is dialled.
func externalTLS(addr string, options map[string]string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, targets.Usagef("--at %s: %v", addr, err)
	}
	given := map[string]string{optTLS: off}
	maps.Copy(given, options)
	cfg, err := external.TLS(given, host)
	if cfg != nil {
		cfg.ServerName = ""
	}
	return cfg, err
}
