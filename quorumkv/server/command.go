package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lapse-test/lapse/internal/pure"

	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
)

// Command is `quorumkv`, with `serve`, `members`, `ranges` and `plan` below it.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   protocol.Name,
		Short: "A replicated key-value store with tunable consistency",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(serveCommand(), membersCommand(), rangesCommand(), planCommand())
	return cmd
}

// collectorPercent is by how much the heap of a node grows before it is collected, unless GOGC says otherwise. Much of it never becomes garbage: Pebble's memory
// tables and cache, which lie on it where there is no C compiler, and the log of a raft group; at Go's 100 they would count twice.
const collectorPercent = 50

func serveCommand() *cobra.Command {
	flags := newServeFlags()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run one node",
		Long: `Run one node until it is interrupted.

Every node is given its own name, address and data directory, and the addresses of all others. Flags win over
the file that --config names.`,
		Example: `  quorumkv serve --node n1 --listen 127.0.0.1:7401 --data-dir /tmp/kv/n1 --peers n2=127.0.0.1:7402,n3=127.0.0.1:7403
  quorumkv serve --config n1.yaml --read-repair off`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := flags.config(cmd.Context(), cmd.Flags())
			if err != nil {
				return err
			}
			var level slog.Level
			if err := level.UnmarshalText([]byte(flags.logLevel)); err != nil {
				return &ConfigError{fmt.Errorf("--log-level: %w", err)}
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(collectorPercent)
			}
			s, err := Open(cfg, log, nil)
			if err != nil {
				return err
			}
			return s.Run(ctx)
		},
		SilenceUsage: true,
	}
	cmd.Flags().AddFlagSet(flags.set)
	return cmd
}

// serveFlags are the flags of serve: one for every key of Config.
type serveFlags struct {
	set      *pflag.FlagSet
	file     string
	logLevel string
	cfg      Config
}

func newServeFlags() *serveFlags {
	f := &serveFlags{set: pflag.NewFlagSet("serve", pflag.ContinueOnError), cfg: Default()}
	c, fs := &f.cfg, f.set
	fs.StringVar(&f.file, "config", "", "YAML or JSON file with the keys below (with _ for -)")
	fs.StringVar(&c.Mode, "mode", c.Mode, "how replicas agree: "+strings.Join(Modes(), ", "))
	fs.StringVar(&c.Node, "node", "", "this node's name")
	fs.StringVar(&c.Listen, "listen", c.Listen, "address for clients and peers")
	fs.StringVar(&c.DataDir, "data-dir", "", "directory of this node alone")
	fs.StringToStringVar(&c.Peers, "peers", nil, "name=host:port of every other node, as this node reaches it (repeatable)")
	fs.IntVar(&c.Replication, "replication", c.Replication, "replicas of a key (N)")
	fs.StringSliceVar(&c.Members, "members", nil, "in modes leaderless and raft: the nodes that hold keys at first, with the same list on all nodes; all when not given (repeatable)")
	fs.BoolVar(&c.Join, "join", false, "in modes leaderless and raft: this node begins without data and serves as no replica until 'quorumkv members add' has made it a member")
	fs.StringVar((*string)(&c.Partitioner), "partitioner", string(c.Partitioner), "in mode leaderless: which nodes hold a key: ring, modulo or range")
	fs.IntVar(&c.VirtualNodes, "virtual-nodes", c.VirtualNodes, "with partitioner ring: points of each node on the ring")
	fs.StringArrayVar(&c.SplitPoints, "split-points", nil, "with partitioner range: the first keys of all ranges but the first, in ascending order (repeatable)")
	fs.StringVar((*string)(&c.ReadRepair), "read-repair", string(c.ReadRepair), "off, async or blocking")
	fs.BoolVar(&c.HintedHandoff, "hinted-handoff", c.HintedHandoff, "keep writes for replicas that miss them")
	fs.IntVar(&c.MaxHints, "max-hints", c.MaxHints, "hints kept for one peer")
	fs.StringVar((*string)(&c.WriteTimestamps), "write-timestamps", string(c.WriteTimestamps), "coordinator or quorum")
	fs.BoolVar(&c.SloppyQuorum, "sloppy-quorum", c.SloppyQuorum, "in mode leaderless: nodes further on the ring stand in for replicas that are away")
	fs.DurationVar(&c.AntiEntropy, "anti-entropy", c.AntiEntropy, "in mode leaderless: between comparisons with other replicas; 0 for none")
	fs.DurationVar(&c.TombstoneGrace, "tombstone-grace", c.TombstoneGrace, "in mode leaderless: after which tombstones are removed; 0 for never")
	fs.DurationVar(&c.ElectionTimeout, "election-timeout", c.ElectionTimeout, "in modes raft, single-leader and sharded: without a leader, after which one is elected")
	fs.IntVar(&c.LogEntries, "log-entries", c.LogEntries, "in modes raft and sharded: entries kept for followers that lag; they get a snapshot for earlier ones")
	fs.BoolVar(&c.Failover, "failover", c.Failover, "in mode single-leader: another node leads when the leader is away")
	fs.BoolVar(&c.Fencing, "fencing", c.Fencing, "in mode single-leader: keep a deposed leader from answering; off shows split brain")
	fs.DurationVar(&c.MaxLag, "max-lag", c.MaxLag, "in modes raft and single-leader: how far behind a node may be for reads at level max-lag")
	fs.IntVar(&c.Regions, "regions", c.Regions, "in mode multi-leader: parts of the nodes, by their names, with a leader each")
	fs.StringVar((*string)(&c.Conflicts), "conflicts", string(c.Conflicts), "in mode multi-leader: what becomes of writes that did not know of each other: "+strings.Join(multileader.AllConflicts(), ", "))
	fs.DurationVar(&c.ExchangeInterval, "exchange-interval", c.ExchangeInterval, "in mode multi-leader: at which leaders send what has changed")
	fs.IntVar(&c.Shards, "shards", c.Shards, "in mode sharded: raft groups of all nodes, each with a part of the keys")
	fs.StringVar((*string)(&c.Transactions), "transactions", string(c.Transactions), "in mode sharded: how transactions go across shards: "+strings.Join(sharded.AllTransactions(), ", "))
	fs.DurationVar(&c.RequestTimeout, "request-timeout", c.RequestTimeout, "after which a request is answered whatever happens")
	fs.DurationVar(&c.PeerTimeout, "peer-timeout", c.PeerTimeout, "after which a message is given up and a silent peer counts as gone")
	fs.DurationVar(&c.MaxClockSkew, "max-clock-skew", c.MaxClockSkew, "how far ahead a timestamp may be for this clock to follow it")
	fs.BoolVar(&c.Fsync, "fsync", c.Fsync, "sync writes to disk before acknowledging them")
	fs.IntVar(&c.MaxRequests, "max-requests", c.MaxRequests, "requests served at a time; more get 429")
	fs.IntVar(&c.MaxValueBytes, "max-value-bytes", c.MaxValueBytes, "size of the largest value")
	fs.StringVar(&c.TLSCert, "tls-cert", "", "PEM file of this node's certificate, for the hosts of its addresses; with the other two, only clients and peers with a certificate are let in")
	fs.StringVar(&c.TLSKey, "tls-key", "", "PEM file of its private key")
	fs.StringVar(&c.TLSCA, "tls-ca", "", "PEM file of the authorities that sign the certificates of nodes and clients")
	fs.BoolVar(&c.Testing, "testing", false, "allow /admin, defects and clock offsets: for tests only")
	fs.StringSliceVar(&c.Defects, "defects", nil, "faults to switch on (repeatable; needs --testing)")
	fs.DurationVar(&c.ClockOffset, "clock-offset", 0, "bend the clock (needs --testing)")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	return f
}

// config is the file, if any, with the flags that were given on top.
func (f *serveFlags) config(ctx context.Context, given *pflag.FlagSet) (Config, error) {
	cfg := f.cfg
	if f.file != "" {
		loaded, err := pure.Until(ctx, "reading "+f.file, func() (Config, error) { return Load(f.file) })
		if err != nil {
			return Config{}, err
		}
		overlay(&loaded, cfg, given)
		cfg = loaded
	}
	if err := cfg.Validate(); err != nil {
		return Config{}, &ConfigError{err}
	}
	return cfg, nil
}

// overlay copies those fields of flags into cfg whose flag was given.
func overlay(cfg *Config, flags Config, given *pflag.FlagSet) {
	dst, src := reflect.ValueOf(cfg).Elem(), reflect.ValueOf(flags)
	for i := range dst.NumField() {
		if given.Changed(flagName(dst.Type().Field(i))) {
			dst.Field(i).Set(src.Field(i))
		}
	}
}

// flagName is the flag of a key of the file.
func flagName(field reflect.StructField) string {
	return strings.ReplaceAll(field.Tag.Get("yaml"), "_", "-")
}
