package cassandra

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attachedTarget is Cassandra, or anything that speaks CQL, at addresses where
// somebody else runs it.
type attachedTarget struct {
	at []string
}

var (
	_ targets.Attacher = Target{}
	_ targets.Target   = attachedTarget{}
	_ targets.Fetcher  = attachedTarget{}
)

// maxAttached bounds the nodes of --at.
const maxAttached = 32

// Attached implements targets.Attacher. Addresses are host:port; sessions talk to
// these nodes and to no others.
func (Target) Attached(at []string) (targets.Target, error) {
	list, err := targets.Addresses(at, nativePort)
	if err != nil {
		return nil, err
	}
	if len(list) > maxAttached {
		return nil, targets.Usagef("--at: %d addresses; at most %d are of use", len(list), maxAttached)
	}
	return attachedTarget{list}, nil
}

// Info implements targets.Target.
func (t attachedTarget) Info() targets.Info {
	i := Target{}.Info()
	i.Summary = "Cassandra, or what speaks CQL, where somebody else runs it"
	i.Options = append([]targets.Option{
		{Name: "rf", Help: "replication factor of the run's keyspace in each data centre (default: 3, or as many as --at names nodes)"},
		{Name: "replication", Help: "replication of the run's keyspace as CQL has it, instead of the one that rf and the cluster's data centres give"},
		{Name: "timestamps", Default: "client", Values: []string{"client", "coordinator"}, Help: "whose clock stamps a write: the harness's one, as drivers do it by default, or that of the node that coordinates it"},
		{Name: "read_repair", Values: []string{"", "BLOCKING", "NONE"}, Help: "read_repair of the table (default: as the cluster has it)"},
		{Name: "speculative_retry", Help: "speculative_retry of the table (default: as the cluster has it)"},
	}, targets.TLSOptions()...)
	i.DefaultNodes, i.MinNodes, i.MaxNodes = len(t.at), len(t.at), len(t.at)
	return i
}

// Resolve implements targets.Target.
func (t attachedTarget) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.CheckAttached(cfg, len(t.at))
	if err != nil {
		return cfg, err
	}
	if cfg.Options, err = targets.ResolveOptions(t.Info(), cfg.Options); err != nil {
		return cfg, err
	}
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = defaultOpTimeout
	}
	if cfg.Options["rf"] == "" {
		cfg.Options["rf"] = strconv.Itoa(min(defaultRF, len(t.at)))
	}
	s, err := t.settings(cfg)
	if err != nil {
		return cfg, err
	}
	cfg.ReadLevel, cfg.WriteLevel = s.read.name, s.write.name
	_, err = t.accesses(cfg)
	return cfg, err
}

// settings are those of a resolved cfg. What is not known of the cluster is taken
// to be the simplest: one data centre.
func (t attachedTarget) settings(cfg targets.Config) (settings, error) {
	s := settings{
		topology:   topology{nodes: len(t.at), dcs: 1, vnodes: 1},
		clientTime: cfg.Options["timestamps"] == "client",
		readRepair: cfg.Options["read_repair"], speculative: cfg.Options["speculative_retry"],
		opTimeout: cfg.OpTimeout,
	}
	var err error
	if s.rf, err = strconv.Atoi(cfg.Options["rf"]); err != nil || s.rf < 1 || s.rf > maxAttached {
		return s, targets.Usagef("--set rf=%s: want a number from 1 to %d", cfg.Options["rf"], maxAttached)
	}
	if s.speculative != "" && !speculativeRetry.MatchString(s.speculative) {
		return s, targets.Usagef("--set speculative_retry=%s: want NEVER, ALWAYS, a percentile such as 99p, or a time such as 50ms", s.speculative)
	}
	if r := cfg.Options["replication"]; r != "" && (!strings.HasPrefix(r, "{") || !strings.HasSuffix(r, "}") || strings.ContainsAny(r, ";")) {
		return s, targets.Usagef("--set replication=%s: want a map of CQL such as {'class': 'NetworkTopologyStrategy', 'dc1': 3}", r)
	}
	if s.read, err = parseLevel(cfg.ReadLevel, true, s.topology); err != nil {
		return s, err
	}
	s.write, err = parseLevel(cfg.WriteLevel, false, s.topology)
	return s, err
}

// admission is how a node lets somebody in; the zero value is one that lets in
// everybody, without encryption.
type admission struct {
	user, password string
	tls            *tls.Config
}

// The variables with the credentials.
const (
	envUser         = "LAPSE_CASSANDRA_USER"
	envPassword     = "LAPSE_CASSANDRA_PASSWORD"
	envPasswordFile = "LAPSE_CASSANDRA_PASSWORD_FILE"
)

// accesses are those of each node.
func (t attachedTarget) accesses(cfg targets.Config) ([]admission, error) {
	user, password := os.Getenv(envUser), os.Getenv(envPassword)
	if path := os.Getenv(envPasswordFile); path != "" && password == "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, targets.Usagef("%s: %v", envPasswordFile, err)
		}
		password = strings.TrimRight(string(b), "\r\n")
	}
	if (user == "") != (password == "") {
		return nil, targets.Usagef("%s and a password (%s, or a file named by %s) go together; one of them is missing", envUser, envPassword, envPasswordFile)
	}
	out := make([]admission, len(t.at))
	for i, addr := range t.at {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err // made by JoinHostPort
		}
		out[i] = admission{user: user, password: password}
		if out[i].tls, err = targets.TLS(cfg.Options, host); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Spec implements targets.Target.
func (t attachedTarget) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(len(t.at)), Ports: []int{nativePort},
		At: t.at, Knock: func(ctx context.Context, addr string) error { return knock(ctx, addr, cfg.Options) }, Operator: cfg.Operator,
	}
}

// knock asks what the node supports, which it tells before it knows who asks. Whose
// certificate it shows does not matter for a sign of life.
func knock(ctx context.Context, addr string, options map[string]string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline) // a read without one would only wait longer
	}
	host, _, _ := net.SplitHostPort(addr) // of Spec.At
	if cfg, err := targets.TLS(options, host); err == nil && cfg != nil {
		cfg.InsecureSkipVerify = true
		encrypted := tls.Client(c, cfg)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			var record tls.RecordHeaderError
			if errors.As(err, &record) {
				return errors.New("it does not encrypt: use --set tls=off if that is all right")
			}
			return err
		}
		c = encrypted
	}
	const optionsCode, supportedCode, errorCode = 5, 6, 0
	if _, err := c.Write([]byte{protocolVersion, 0, 0, 0, optionsCode, 0, 0, 0, 0}); err != nil {
		return err
	}
	var header [9]byte
	if _, err := io.ReadFull(c, header[:]); err != nil {
		return err
	}
	if header[0]&0x80 == 0 || header[4] != supportedCode && header[4] != errorCode {
		return errors.New("it speaks another protocol than CQL's")
	}
	return nil
}

// Abilities implements targets.Target. How many data centres there are is seen
// only when the cluster is asked.
func (attachedTarget) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart, ability.Centres}
}

// Fetch implements targets.Fetcher: it looks, and makes nothing.
func (t attachedTarget) Fetch(ctx context.Context, cfg targets.Config) error {
	a, err := t.look(ctx, cfg)
	if err == nil {
		a.closeAdmins()
	}
	return err
}

// Present implements targets.Fetcher.
func (t attachedTarget) Present(ctx context.Context, cfg targets.Config) (string, error) {
	a, err := t.look(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer a.closeAdmins()
	text := a.Version()
	for i, n := range cluster.NodeNames(len(t.at)) {
		text += fmt.Sprintf("; %s (%s) is in %s", n, t.at[i], a.centres[i])
	}
	for _, line := range a.leftovers(ctx) {
		text += "; " + line
	}
	return text, nil
}

// readyTxn is what is written and read to see whether a node serves.
func readyTxn(f history.Func, node int) *history.Txn {
	txn := &history.Txn{}
	txn.Reset()
	m := history.Mop{Func: f, Key: history.Key(readyKeys + node)}
	if f == history.Write {
		m.Arg = 1
	}
	txn.Mops = append(txn.Mops, m)
	return txn
}

// readyKeys is beyond the keys of any workload.
const readyKeys = 1 << 30

// sortedCentres are the data centres of a cluster, in order.
func sortedCentres(sizes map[string]int) []string {
	var out []string
	for dc := range sizes {
		out = append(out, dc)
	}
	slices.Sort(out)
	return out
}

// attachTimeout is for looking at all nodes, and schemaPatience for making and
// removing the keyspace.
const (
	attachTimeout  = 30 * time.Second
	schemaPatience = 60 * time.Second
)
