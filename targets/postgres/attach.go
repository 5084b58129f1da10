package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attachedTarget is PostgreSQL, or anything that speaks its protocol, at addresses
// where somebody else runs it.
type attachedTarget struct {
	at []address
}

var (
	_ targets.Attacher = Target{}
	_ targets.Target   = attachedTarget{}
	_ targets.Fetcher  = attachedTarget{}
)

// address is one node of --at.
type address struct {
	// dsn is in libpq's form; it has no password.
	dsn string
	// config is what dsn and the environment (PGUSER, PGPASSWORD, PGPASSFILE,
	// PGSSLMODE, ...) say.
	config *pgx.ConnConfig
	// ownTLS says that they say nothing of encryption, so that the options do.
	ownTLS bool
}

func (a address) hostPort() string {
	return net.JoinHostPort(a.config.Host, strconv.Itoa(int(a.config.Port)))
}

// Attached implements targets.Attacher. An address is host:port, a URL or a
// connection string of libpq's (host=... port=... dbname=...).
func (Target) Attached(at []string) (targets.Target, error) {
	var t attachedTarget
	for _, text := range at {
		for _, dsn := range splitDSN(text) {
			a, err := parseAddress(dsn, len(t.at)+1)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(t.at, func(b address) bool { return a.hostPort() == b.hostPort() }) {
				return nil, targets.Usagef("--at: %s is there twice; name each node once", a.hostPort())
			}
			t.at = append(t.at, a)
		}
	}
	if len(t.at) == 0 || len(t.at) > info.MaxNodes {
		return nil, targets.Usagef("--at: want the addresses of 1 to %d nodes, such as db1:5432,db2:5432 or postgres://app@db1:5432/test", info.MaxNodes)
	}
	return t, nil
}

var dsnURL = regexp.MustCompile(`^(postgres(?:ql)?://)([^/?#]*@)?([^/?#@]*)(.*)$`)

// splitDSN takes lists apart: of host:port, or of the hosts of one URL.
func splitDSN(text string) []string {
	if m := dsnURL.FindStringSubmatch(text); m != nil {
		var out []string
		for host := range strings.SplitSeq(m[3], ",") {
			out = append(out, m[1]+m[2]+host+m[4])
		}
		return out
	}
	if strings.ContainsAny(text, "= ") {
		return []string{text}
	}
	return targets.SplitAddresses([]string{text})
}

// passwordKey finds a password in a connection string.
var passwordKey = regexp.MustCompile(`(?i)(^|[\s?&])(ssl)?password\s*=`)

// parseAddress reads the address with this number. No error of it repeats the
// address unless it is a plain host:port.
func parseAddress(dsn string, number int) (address, error) {
	a := address{dsn: dsn, ownTLS: os.Getenv("PGSSLMODE") == ""}
	m := dsnURL.FindStringSubmatch(dsn)
	if m != nil && strings.Contains(m[2], ":") || passwordKey.MatchString(dsn) {
		return a, targets.Usagef("--at: address %d has a password in it, and addresses are stored and shown: take it out and set PGPASSWORD, or keep it in a file (PGPASSFILE, ~/.pgpass)", number)
	}
	switch {
	case m != nil:
		u, err := url.Parse(dsn)
		if err != nil {
			return a, targets.Usagef("--at: address %d is no URL such as postgres://app@db1:5432/test", number)
		}
		a.ownTLS = a.ownTLS && !u.Query().Has("sslmode")
		if a.ownTLS {
			q := u.Query()
			q.Set("sslmode", "disable")
			u.RawQuery = q.Encode()
			dsn = u.String()
		}
	case strings.Contains(dsn, "://"):
		return a, targets.Usagef("--at: address %d is a URL, but not one of postgres://", number)
	case strings.Contains(dsn, "="):
		if a.ownTLS = a.ownTLS && !strings.Contains(dsn, "sslmode"); a.ownTLS {
			dsn += " sslmode=disable"
		}
	default:
		list, err := targets.Addresses([]string{dsn}, port)
		if err != nil {
			return a, err
		}
		host, number, _ := net.SplitHostPort(list[0]) // made by JoinHostPort
		a.dsn = list[0]
		dsn = "host=" + host + " port=" + number
		if a.ownTLS {
			dsn += " sslmode=disable"
		}
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return a, targets.Usagef("--at: address %d cannot be read as a connection string, or a PG... variable of the environment is bad: want host:port, postgres://app@db1:5432/test or host=db1 dbname=test", number)
	}
	switch {
	case strings.HasPrefix(cfg.Host, "/"):
		return a, targets.Usagef("--at: address %d is a socket in a directory: want a host and a port", number)
	case len(cfg.Fallbacks) > 0 && !a.ownTLS:
		return a, targets.Usagef("--at: address %d: an sslmode of prefer or allow, or several hosts, says not how to connect: use one host, and sslmode=verify-full or disable", number)
	}
	a.config = cfg
	return a, nil
}

// Info implements targets.Target.
func (t attachedTarget) Info() targets.Info {
	i := info
	i.Summary = "PostgreSQL, or what speaks its protocol, where somebody else runs it"
	// max-lag asks the servers what only their administrators may know.
	i.ReadLevels = slices.DeleteFunc(slices.Clone(readLevels), func(l string) bool { return l == readMaxLag })
	i.WriteLevels = append([]string{writeDefault}, writeLevels...)
	i.Options = nil
	for _, o := range options {
		if o.Name == optSticky || o.Name == optIsolation {
			i.Options = append(i.Options, o)
		}
	}
	i.Options = append(i.Options, targets.TLSOptions()...)
	i.DefaultNodes, i.MinNodes, i.MaxNodes = len(t.at), len(t.at), len(t.at)
	return i
}

// Resolve implements targets.Target.
func (t attachedTarget) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, s, err := t.settings(cfg)
	if err != nil {
		return cfg, err
	}
	cfg.ReadLevel, cfg.WriteLevel = s.read, s.write
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = defaultOpTimeout
	}
	_, err = t.logins(cfg)
	return cfg, err
}

// settings checks cfg and completes it.
func (t attachedTarget) settings(cfg targets.Config) (targets.Config, settings, error) {
	cfg, err := targets.CheckAttached(cfg, len(t.at))
	if err != nil {
		return cfg, settings{}, err
	}
	s := settings{nodes: cfg.Nodes, read: cfg.ReadLevel, write: cfg.WriteLevel}
	if s.read == "" {
		s.read = readLevels[0]
	}
	if s.write == "" {
		s.write = writeDefault
	}
	i := t.Info()
	if !slices.Contains(i.ReadLevels, s.read) {
		return cfg, s, targets.Usagef("--read-level %s: postgres reads at %s", s.read, strings.Join(i.ReadLevels, ", "))
	}
	if !slices.Contains(i.WriteLevels, s.write) {
		return cfg, s, targets.Usagef("--write-level %s: postgres writes at the values of synchronous_commit, or at the one that it is set up with: %s", s.write, strings.Join(i.WriteLevels, ", "))
	}
	given := map[string]string{}
	for k, v := range cfg.Options {
		if k == optIsolation {
			v = spellIsolation(v)
		}
		given[k] = v
	}
	if cfg.Options, err = targets.ResolveOptions(i, given); err != nil {
		return cfg, s, err
	}
	s.isolation = cfg.Options[optIsolation]
	if s.sticky, err = time.ParseDuration(cfg.Options[optSticky]); err != nil || s.sticky < time.Millisecond {
		return cfg, s, targets.Usagef("--set %s=%s: want a duration of at least 1ms, such as 5s", optSticky, cfg.Options[optSticky])
	}
	if s.nodes == 1 && needsStandby(s.read) {
		return cfg, s, targets.Usagef("--read-level %s: --at names one node; name a standby as well, or read from the primary", s.read)
	}
	return cfg, s, nil
}

func needsStandby(read string) bool {
	return read == readReplica || read == readSticky || read == readWaitForLSN
}

// attachedLogin is how one node is connected to.
type attachedLogin struct{ config *pgx.ConnConfig }

// dial connects with these settings, and with those that the address asks for.
func (l attachedLogin) dial(ctx context.Context, params map[string]string) (*conn, error) {
	all := maps.Clone(l.config.RuntimeParams)
	maps.Copy(all, params)
	return dialAs(ctx, l.config.Copy(), all)
}

func (t attachedTarget) logins(cfg targets.Config) ([]attachedLogin, error) {
	out := make([]attachedLogin, len(t.at))
	for i, a := range t.at {
		config := a.config.Copy()
		tls, err := targets.TLS(cfg.Options, config.Host)
		if err != nil {
			return nil, err
		}
		switch {
		case a.ownTLS:
			config.TLSConfig = tls
		case cfg.Options["tls"]+cfg.Options["tls_ca"]+cfg.Options["tls_cert"]+cfg.Options["tls_key"] != "":
			return nil, targets.Usagef("--set tls...: the address or PGSSLMODE says already how to encrypt (sslmode, sslrootcert); leave one of them out")
		}
		out[i] = attachedLogin{config}
	}
	return out, nil
}

// Spec implements targets.Target.
func (t attachedTarget) Spec(cfg targets.Config) cluster.Spec {
	spec := cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(len(t.at)), Ports: []int{port},
		Knock: knock, Operator: cfg.Operator,
	}
	for _, a := range t.at {
		spec.At = append(spec.At, a.hostPort())
	}
	return spec
}

// knock asks whether the server would encrypt, which every server answers with one
// byte before it knows who asks.
func knock(ctx context.Context, addr string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline) // a read without one would only wait longer
	}
	const sslRequest = 80877103
	ask := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), sslRequest)
	if _, err := c.Write(ask); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return err
	}
	if answer[0] != 'S' && answer[0] != 'N' {
		return errors.New("it speaks another protocol than PostgreSQL's")
	}
	return nil
}

// Abilities implements targets.Target.
func (attachedTarget) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart, ability.Primary}
}
