// Package server is a quorumkv node: its configuration, its parts put together, and the command
// that runs it.
package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/internal/strictyaml"
	"github.com/lapse-test/lapse/quorumkv/certs"
	"github.com/lapse-test/lapse/quorumkv/coordinator"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/sharded"
)

// Config is all that a node is told. Default gives the defaults; Load reads a file over them. A field with the tag
// mode is a setting of these modes alone, and is refused in another unless it has its default.
type Config struct {
	Mode    string `yaml:"mode"`     // one of Modes
	Node    string `yaml:"node"`     // this node's name
	Listen  string `yaml:"listen"`   // host:port for clients and peers
	DataDir string `yaml:"data_dir"` // of this node alone
	// Peers are all other nodes by name, with the address at which this node reaches each; it may differ from where others
	// reach it. This node's own name may be among them and is ignored.
	Peers            map[string]string      `yaml:"peers"`
	Replication      int                    `yaml:"replication" mode:"leaderless"`   // N, replicas of a key
	Members          []string               `yaml:"members" mode:"leaderless,raft"`  // the nodes that hold keys at first; all when empty
	Join             bool                   `yaml:"join" mode:"leaderless,raft"`     // this node begins without data, and is to be made a member
	Partitioner      placement.Partitioner  `yaml:"partitioner" mode:"leaderless"`   // which nodes hold a key
	VirtualNodes     int                    `yaml:"virtual_nodes" mode:"leaderless"` // of partitioner ring: points of each node on the ring
	SplitPoints      []string               `yaml:"split_points" mode:"leaderless"`  // of partitioner range: the first keys of all ranges but the first
	ReadRepair       coordinator.ReadRepair `yaml:"read_repair" mode:"leaderless"`
	HintedHandoff    bool                   `yaml:"hinted_handoff" mode:"leaderless"`
	MaxHints         int                    `yaml:"max_hints" mode:"leaderless"` // kept for one peer
	WriteTimestamps  coordinator.Timestamps `yaml:"write_timestamps" mode:"leaderless"`
	SloppyQuorum     bool                   `yaml:"sloppy_quorum" mode:"leaderless"`                    // nodes further on the ring stand in for replicas that are away
	AntiEntropy      time.Duration          `yaml:"anti_entropy" mode:"leaderless"`                     // between comparisons with other replicas; 0 for none
	TombstoneGrace   time.Duration          `yaml:"tombstone_grace" mode:"leaderless"`                  // after which tombstones are removed; 0 for never
	ElectionTimeout  time.Duration          `yaml:"election_timeout" mode:"raft,single-leader,sharded"` // without a leader, after which one is elected
	LogEntries       int                    `yaml:"log_entries" mode:"raft,sharded"`                    // kept for followers that lag
	Failover         bool                   `yaml:"failover" mode:"single-leader"`                      // another node leads when the leader is away
	Fencing          bool                   `yaml:"fencing" mode:"single-leader"`                       // a deposed leader is kept from answering
	MaxLag           time.Duration          `yaml:"max_lag" mode:"single-leader,raft"`                  // beyond which a node asks the leader, at one level
	Regions          int                    `yaml:"regions" mode:"multi-leader"`                        // parts of the nodes with a leader each
	Conflicts        multileader.Conflicts  `yaml:"conflicts" mode:"multi-leader"`                      // what becomes of writes that did not know of each other
	ExchangeInterval time.Duration          `yaml:"exchange_interval" mode:"multi-leader"`              // at which leaders send what has changed
	Shards           int                    `yaml:"shards" mode:"sharded"`                              // raft groups, each with a part of the keys
	Transactions     sharded.Transactions   `yaml:"transactions" mode:"sharded"`                        // how they go across shards
	RequestTimeout   time.Duration          `yaml:"request_timeout"`                                    // of a client's request
	PeerTimeout      time.Duration          `yaml:"peer_timeout"`                                       // of a message, and after which a silent peer counts as gone
	MaxClockSkew     time.Duration          `yaml:"max_clock_skew" mode:"leaderless,multi-leader"`      // how far ahead a timestamp may be for this clock to follow it
	Fsync            bool                   `yaml:"fsync"`                                              // before every acknowledgement
	MaxRequests      int                    `yaml:"max_requests"`                                       // served at a time
	MaxValueBytes    int                    `yaml:"max_value_bytes"`
	TLSCert          string                 `yaml:"tls_cert"` // PEM file of this node's certificate; with the other two, clients and peers must have one too
	TLSKey           string                 `yaml:"tls_key"`  // PEM file of its private key
	TLSCA            string                 `yaml:"tls_ca"`   // PEM file of the authorities that sign the certificates of nodes and clients
	Testing          bool                   `yaml:"testing"`  // /admin, defects and clock_offset are allowed
	Defects          []string               `yaml:"defects"`
	ClockOffset      time.Duration          `yaml:"clock_offset"`
}

// Default is the configuration of a node that promises as much as this store can: linearizable with W+R > N.
func Default() Config {
	return Config{
		Mode:             leaderless.Mode,
		Listen:           "127.0.0.1:7400",
		Replication:      3,
		Partitioner:      placement.Ring,
		VirtualNodes:     placement.DefaultVirtualNodes,
		ReadRepair:       coordinator.RepairBlocking,
		HintedHandoff:    true,
		MaxHints:         100_000,
		WriteTimestamps:  coordinator.FromQuorum,
		ElectionTimeout:  400 * time.Millisecond,
		LogEntries:       10_000,
		Failover:         true,
		Fencing:          true,
		MaxLag:           500 * time.Millisecond,
		Regions:          2,
		Conflicts:        multileader.LastWriteWins,
		ExchangeInterval: 20 * time.Millisecond,
		Shards:           2,
		Transactions:     sharded.TwoPhaseCommit,
		RequestTimeout:   time.Second,
		PeerTimeout:      500 * time.Millisecond,
		MaxClockSkew:     500 * time.Millisecond,
		Fsync:            true,
		MaxRequests:      1024,
		MaxValueBytes:    64 << 10,
	}
}

// ConfigError says what is wrong with a configuration, as opposed to what goes wrong with a good one.
type ConfigError struct{ Err error }

// Error says that it is about the configuration, and what is wrong there.
func (e *ConfigError) Error() string { return "configuration: " + e.Err.Error() }

// Unwrap is Err, never nil.
func (e *ConfigError) Unwrap() error { return e.Err }

// Load reads a YAML or JSON file over the defaults. An unknown key is an error that quotes its line.
func Load(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, &ConfigError{err}
	}
	c, err := parseConfig(b)
	if err != nil {
		return Config{}, &ConfigError{strictyaml.In(path, err)}
	}
	return c, nil
}

func parseConfig(b []byte) (Config, error) {
	c := Default()
	if err := strictyaml.Unmarshal(b, &c); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := validName(c.Node); err != nil {
		bad("node: %w", err)
	}
	if c.DataDir == "" {
		bad("data_dir: give this node a directory of its own")
	}
	if err := validAddress(c.Listen, true); err != nil {
		bad("listen: %w", err)
	}
	for name, addr := range c.Peers {
		if err := validName(name); err != nil {
			bad("peers: %w", err)
		}
		if err := validAddress(addr, false); err != nil && name != c.Node {
			bad("peers: %s: %w", name, err)
		}
	}
	if err := c.tls().Check(); err != nil {
		bad("tls_cert, tls_key, tls_ca: %w", err)
	}
	errs = append(errs, c.validateMode()...)
	errs = append(errs, c.validateLimits()...)
	return errors.Join(errs...)
}

// tls are the files by which connections are secured.
func (c Config) tls() certs.Files { return certs.Files{Cert: c.TLSCert, Key: c.TLSKey, CA: c.TLSCA} }

func (c Config) validateLimits() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for name, d := range map[string]time.Duration{"request_timeout": c.RequestTimeout, "peer_timeout": c.PeerTimeout} {
		if d < time.Millisecond || d > time.Hour {
			bad("%s: %s must be between 1ms and 1h", name, d)
		}
	}
	if c.MaxClockSkew < 0 || c.MaxClockSkew > hlc.MaxOffset {
		bad("max_clock_skew: %s must be between 0 and %s", c.MaxClockSkew, hlc.MaxOffset)
	}
	if c.MaxRequests < 1 || c.MaxRequests > 1<<16 {
		bad("max_requests: %d must be between 1 and %d", c.MaxRequests, 1<<16)
	}
	if c.MaxValueBytes < 1 || c.MaxValueBytes > 1<<20 {
		bad("max_value_bytes: %d must be between 1 and %d", c.MaxValueBytes, 1<<20)
	}
	if c.ClockOffset > hlc.MaxOffset || c.ClockOffset < -hlc.MaxOffset {
		bad("clock_offset: %s must be between -%s and %s", c.ClockOffset, hlc.MaxOffset, hlc.MaxOffset)
	}
	if !c.Testing && (len(c.Defects) > 0 || c.ClockOffset != 0) {
		bad("defects and clock_offset need testing: true (--testing)")
	}
	return errs
}

func validName(s string) error {
	if s == "" || len(s) > record.MaxNodeName {
		return fmt.Errorf("name %q must have 1 to %d characters", s, record.MaxNodeName)
	}
	for _, r := range s {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
		if !ok {
			return fmt.Errorf("name %q: only letters, digits, -, _ and . are allowed", s)
		}
	}
	return nil
}

func validAddress(s string, anyPort bool) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("address %q is not host:port", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 && !anyPort {
		return fmt.Errorf("address %q has no usable port", s)
	}
	return nil
}
