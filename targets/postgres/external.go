package postgres

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/wire"
)

var _ targets.Externalizer = Target{}

// External implements targets.Externalizer: PostgreSQL, or anything that speaks its
// protocol. An address is host:port, a URL or a connection string of libpq's.
func (Target) External(at []string) (targets.Target, error) {
	list, err := parseAddresses(at)
	if err != nil {
		return nil, err
	}
	kind := external.Kind{
		Info: externalInfo(), Port: port, Alive: alive.Alive,
		Spell: func(option, value string) string {
			if option == optIsolation {
				return spellIsolation(value)
			}
			return value
		},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			s, err := externalSettings(cfg)
			if err != nil {
				return cfg, err
			}
			cfg.ReadLevel, cfg.WriteLevel = s.read, s.write
			cfg.Options = maps.Clone(cfg.Options)
			cfg.Options[optIsolation] = s.isolation
			_, err = logins(cfg, list)
			return cfg, err
		},
		Read:      dialects.Read,
		Namespace: external.Namespace{What: "the schema %s", Remove: "DROP SCHEMA %s CASCADE", Most: 63},
		Visit: func(stay external.Stay, cfg targets.Config) (external.Driver, error) {
			return newVisit(stay, list, cfg)
		},
		Examples: examples,
		Carries: func(cfg targets.Config) string {
			s, _ := externalSettings(cfg) // cfg is resolved
			return s.carries()
		},
		Abilities: []ability.Ability{ability.Primary},
		Promises: func(cfg targets.Config, _ []history.Func) map[string]bool {
			return dialects.Of(cfg.Options).Promised(cfg.ReadLevel, cfg.Options[optIsolation])
		},
	}
	for _, a := range list {
		kind.At = append(kind.At, a.hostPort())
	}
	return external.New(kind), nil
}

func externalInfo() targets.Info {
	i := info
	i.Summary = "PostgreSQL, or what speaks its protocol, on an external cluster"
	// max-lag asks the servers what only their administrators may know.
	i.ReadLevels = slices.DeleteFunc(slices.Clone(readLevels), func(l string) bool { return l == readMaxLag })
	i.ReadLevels = append(i.ReadLevels, readFollower)
	i.WriteLevels = append([]string{writeDefault}, writeLevels...)
	i.Options = dialects.Options("what speaks PostgreSQL's protocol there: which levels it has, how its tables are made, and what it promises", options, optIsolation, optSticky)
	return i
}

// externalSettings are those of cfg, which is complete.
func externalSettings(cfg targets.Config) (settings, error) {
	s := settings{nodes: cfg.Nodes, read: cfg.ReadLevel, write: cfg.WriteLevel, isolation: cfg.Options[optIsolation]}
	s.dialect = dialects.Of(cfg.Options)
	if s.isolation == "" {
		s.isolation = s.dialect.Isolations[0]
	}
	if err := s.dialect.check(s.read, s.write, s.isolation); err != nil {
		return s, err
	}
	var err error
	if s.sticky, err = targets.DurationOption(cfg.Options, optSticky, time.Millisecond, targets.MaxDuration); err != nil {
		return s, err
	}
	if s.nodes == 1 && needsStandby(s.read) {
		return s, targets.Usagef("--read-level %s: --at names one node; name a standby as well, or read from the primary", s.read)
	}
	return s, nil
}

func needsStandby(read string) bool {
	return read == readReplica || read == readSticky || read == readWaitForLSN
}

// externalLogin holds the settings of connections to one node.
type externalLogin struct {
	config *pgx.ConnConfig
	// pooled says that a pooler stands there, which takes settings by statements alone.
	pooled bool
	// recovers says that the server can be asked whether it is a standby.
	recovers bool
}

// dial connects with these settings, and with those that the address asks for.
func (l externalLogin) dial(ctx context.Context, params map[string]string, life *wire.Life) (*conn, error) {
	all := maps.Clone(l.config.RuntimeParams)
	if !l.pooled {
		maps.Copy(all, params)
		return dialAs(ctx, l.config.Copy(), login{params: all, life: life})
	}
	all["application_name"] = params["application_name"]
	c, err := dialAs(ctx, l.config.Copy(), login{params: all, life: life})
	if err != nil {
		return nil, err
	}
	if err := c.settle(ctx, params, l.recovers); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func logins(cfg targets.Config, at []address) ([]externalLogin, error) {
	out := make([]externalLogin, len(at))
	for i, a := range at {
		config := a.config.Copy()
		tls, err := external.TLS(cfg.Options, config.Host)
		if err != nil {
			return nil, err
		}
		switch {
		case a.ownTLS:
			config.TLSConfig = tls
		case cfg.Options["tls"]+cfg.Options["tls_ca"]+cfg.Options["tls_cert"]+cfg.Options["tls_key"] != "":
			return nil, targets.Usagef("--set tls...: the address or PGSSLMODE says already how to encrypt (sslmode, sslrootcert); leave one of them out")
		}
		out[i] = externalLogin{config: config, recovers: dialects.Of(cfg.Options).durability}
	}
	return out, nil
}

const sslRequest = 80877103

// alive is the liveness probe: it asks whether the server would encrypt, which every
// server answers with one byte before it knows who asks.
var alive = external.Probe{
	Ask: binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), sslRequest), Answer: 1,
	Is: func(answer []byte) bool { return answer[0] == 'S' || answer[0] == 'N' }, Protocol: "PostgreSQL's",
}
