package cassandra

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/internal/strictyaml"
	"github.com/lapse-test/lapse/targets/cluster"
)

// What is below a node's directory.
const (
	confDir     = "conf"
	tmpDir      = "tmp"
	yamlName    = "cassandra.yaml"
	rackName    = "cassandra-rackdc.properties"
	logbackName = "logback.xml"
)

// yamlFile is cassandra.yaml; what is not there is as Cassandra has it.
type yamlFile struct {
	ClusterName    string         `yaml:"cluster_name"`
	NumTokens      int            `yaml:"num_tokens"`
	InitialToken   string         `yaml:"initial_token"`
	AutoBootstrap  bool           `yaml:"auto_bootstrap"`
	Partitioner    string         `yaml:"partitioner"`
	DataDirs       []string       `yaml:"data_file_directories"`
	CommitLogDir   string         `yaml:"commitlog_directory"`
	HintsDir       string         `yaml:"hints_directory"`
	CachesDir      string         `yaml:"saved_caches_directory"`
	SeedProvider   []seedProvider `yaml:"seed_provider"`
	ListenAddress  string         `yaml:"listen_address"`
	RPCAddress     string         `yaml:"rpc_address"`
	StoragePort    int            `yaml:"storage_port"`
	NativePort     int            `yaml:"native_transport_port"`
	Snitch         string         `yaml:"endpoint_snitch"`
	HintedHandoff  bool           `yaml:"hinted_handoff_enabled"`
	HintsFlush     string         `yaml:"hints_flush_period"`
	PhiConvict     int            `yaml:"phi_convict_threshold"`
	PaxosVariant   string         `yaml:"paxos_variant"`
	AutoSnapshot   bool           `yaml:"auto_snapshot"`
	CommitLogSync  string         `yaml:"commitlog_sync"`
	CommitPeriod   string         `yaml:"commitlog_sync_period,omitempty"`
	CommitWindow   string         `yaml:"commitlog_sync_group_window,omitempty"`
	CommitSegment  string         `yaml:"commitlog_segment_size"`
	ReadTimeout    string         `yaml:"read_request_timeout"`
	RangeTimeout   string         `yaml:"range_request_timeout"`
	WriteTimeout   string         `yaml:"write_request_timeout"`
	CounterTimeout string         `yaml:"counter_write_request_timeout"`
	CASTimeout     string         `yaml:"cas_contention_timeout"`
	RequestTimeout string         `yaml:"request_timeout"`
}

type seedProvider struct {
	ClassName  string              `yaml:"class_name"`
	Parameters []map[string]string `yaml:"parameters"`
}

// logback writes to stdout, which is the node's log.
const logback = `<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="STDOUT"/></root>
  <logger name="org.apache.cassandra.db.memtable" level="WARN"/>
  <logger name="org.apache.cassandra.db.compaction" level="WARN"/>
  <logger name="org.apache.cassandra.io.sstable" level="WARN"/>
  <logger name="org.apache.cassandra.db.lifecycle" level="WARN"/>
</configuration>
`

// writeConfig writes what node i reads when it starts.
func (s *System) writeConfig(i int) error {
	n := s.Nodes[i]
	text, err := s.yaml(i)
	if err != nil {
		return err
	}
	rack := fmt.Sprintf("dc=%s\nrack=%s\n", dcName(s.set.dc(i)), s.set.rack(i))
	for _, dir := range []string{confDir, tmpDir} {
		if err := os.MkdirAll(filepath.Join(n.Dir(), dir), 0o755); err != nil {
			return fmt.Errorf("configuring %s: %w", n.Name(), err)
		}
	}
	for name, content := range map[string]string{yamlName: text, rackName: rack, logbackName: logback} {
		if err := os.WriteFile(filepath.Join(n.Dir(), confDir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("configuring %s: %w", n.Name(), err)
		}
	}
	return nil
}

// yaml is the cassandra.yaml of node i. All nodes are seeds and know their tokens,
// so that none waits for another one to have joined.
func (s *System) yaml(i int) (string, error) {
	n := s.Nodes[i]
	listen, storage, err := s.bind(i, storagePort)
	if err != nil {
		return "", err
	}
	rpc, native, err := s.bind(i, nativePort)
	if err != nil {
		return "", err
	}
	in := func(name string) string { return filepath.Join(n.Dir(), name) }
	wait := milliseconds(s.set.serverTimeout)
	f := yamlFile{
		ClusterName: "lapse", NumTokens: s.set.vnodes, InitialToken: s.set.tokensText(i),
		Partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
		DataDirs:    []string{in("data")}, CommitLogDir: in("commitlog"), HintsDir: in("hints"), CachesDir: in("saved_caches"),
		SeedProvider: []seedProvider{{
			ClassName:  "org.apache.cassandra.locator.SimpleSeedProvider",
			Parameters: []map[string]string{{"seeds": seeds(s.Nodes)}},
		}},
		ListenAddress: listen, RPCAddress: rpc, StoragePort: storage, NativePort: native,
		Snitch:        "GossipingPropertyFileSnitch",
		HintedHandoff: s.set.hints, HintsFlush: "1000ms",
		PhiConvict: s.set.phi, PaxosVariant: s.set.paxos,
		CommitLogSync: s.set.commitLog, CommitSegment: "8MiB",
		ReadTimeout: wait, RangeTimeout: wait, WriteTimeout: wait, CounterTimeout: wait, CASTimeout: wait,
		RequestTimeout: milliseconds(echoTimeout),
	}
	switch s.set.commitLog {
	case "periodic":
		f.CommitPeriod = "10000ms"
	case "group":
		f.CommitWindow = "15ms"
	}
	text, err := strictyaml.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("configuring %s: %w", n.Name(), err)
	}
	return string(text), nil
}

// seeds are the addresses of nodes.
func seeds(nodes []cluster.Node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.Address())
	}
	return strings.Join(list, ",")
}

// echoTimeout is request_timeout, which bounds no operation of a client but the echo
// by which a node finds out that another one is alive. An echo that is slower, on a
// loaded machine or over a connection that waits to try again after a cut, is not
// sent again: Gossiper (5.0.8) takes it for being under way for ever, and the other
// node for down.
const echoTimeout = 30 * time.Second

// bind returns the address at which the server of node i has to listen to serve a port.
func (s *System) bind(i, port int) (string, int, error) {
	host, text, err := s.Listen(i, port)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return "", 0, fmt.Errorf("configuring %s: %w", s.Nodes[i].Name(), err)
	}
	return host, number, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }
