package mysql

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"time"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/external"
)

// writeDefault leaves durability and replication as they are set up.
const writeDefault = "default"

// The environment variables with the credentials: MYSQL_PWD is the one of MySQL's own
// clients, which take the user from the command line.
const (
	envUser     = "MYSQL_USER"
	envPassword = "MYSQL_PWD"
)

var _ targets.Externalizer = Target{}

// External implements targets.Externalizer: whatever speaks MySQL's protocol and has its
// upserts. Addresses are host:port.
func (Target) External(at []string) (targets.Target, error) {
	return external.At(at, external.Kind{
		Info: externalInfo(), Port: port, Spell: spell, Alive: alive.Alive, Read: dialects.Read, Visit: newVisit,
		Namespace: external.Namespace{What: "the database %s", Remove: "DROP DATABASE %s", Most: 64},
		Settings: func(cfg targets.Config) (targets.Config, error) {
			s, err := externalSettings(cfg)
			cfg.Options = maps.Clone(cfg.Options)
			cfg.Options[optIsolation] = s.isolation
			return cfg, err
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
	})
}

// externalReads are the read levels that need nothing of MariaDB's own.
var externalReads = []string{readPrimary, readReplica, readAny, readSticky}

func externalInfo() targets.Info {
	i := info
	i.Summary = "what speaks MySQL's protocol, on an external cluster"
	i.ReadLevels, i.WriteLevels = externalReads, []string{writeDefault}
	i.Options = dialects.Options("what speaks MySQL's protocol there: which levels it has and what it promises", options, optIsolation, optSticky)
	return i
}

// externalSettings are those of cfg, which is complete.
func externalSettings(cfg targets.Config) (settings, error) {
	s := settings{nodes: cfg.Nodes, read: cfg.ReadLevel, write: cfg.WriteLevel, timeout: cfg.OpTimeout, isolation: cfg.Options[optIsolation]}
	d := dialects.Of(cfg.Options)
	if s.isolation == "" {
		s.isolation = d.Isolations[0]
	}
	if err := checkDialect(d, s.read, s.isolation); err != nil {
		return s, err
	}
	if s.write != writeDefault {
		return s, targets.Usagef("--write-level %s: an external cluster is written to as it is set up: %s", s.write, writeDefault)
	}
	if s.nodes == 1 && (s.read == readReplica || s.read == readSticky) {
		return s, targets.Usagef("--read-level %s: --at names one node; name a replica as well, or read from the primary", s.read)
	}
	var err error
	s.sticky, err = targets.DurationOption(cfg.Options, optSticky, time.Millisecond, targets.MaxDuration)
	return s, err
}

// externalLogin returns the login of a session at addr.
func externalLogin(addr, database string, cfg targets.Config, set settings) (login, error) {
	a, err := external.Anonymous(cfg.Options, addr)
	if err != nil {
		return login{}, err
	}
	user := cmp.Or(os.Getenv(envUser), "root") // as MySQL's clients of the image do
	return login{
		addr: addr, user: user, password: os.Getenv(envPassword), database: database, settings: set.session(),
		encrypted: func(c *sdk.Config) { c.TLS = a.TLS },
	}, nil
}

// alive is the liveness probe: a server greets whoever connects, before it knows who it
// is, with version 10 of the protocol or with an error. It counts that as a handshake
// that was broken off, and starts again at the next login (max_connect_errors).
var alive = external.Probe{
	Answer: greetingHeader + 1, Protocol: "MySQL's",
	Is: func(answer []byte) bool {
		return answer[greetingHeader] == protocolVersion || answer[greetingHeader] == refusal
	},
}

// What a greeting consists of: a header, and the version or the mark of an error.
const (
	greetingHeader  = 4
	protocolVersion = 10
	refusal         = 0xff
)

// cures are for what a server says to whoever it does not let in.
func cures(user string) external.Cures {
	password := "the password in " + envPassword + " is not the one of the user " + user + ", or it may not come from this machine; to be another user, set " + envUser
	if os.Getenv(envPassword) == "" {
		password = "no password was given: set " + envUser + " and " + envPassword
	}
	says := func(way string, numbers ...int) external.Cure {
		return external.Cure{Match: numbered(numbers...), Way: way, Tell: errorTable.Explain}
	}
	return external.Cures{
		says(password, 1045, 1698),
		says("GRANT ALL ON `lapse\\_%`.* TO the user "+user+", or be another one with "+envUser, 1044, 1142, 1227),
		says("it has no connection left: let it have more (max_connections), or use fewer clients (--concurrency)", 1040, 1203),
		says("this machine is blocked there: FLUSH HOSTS", 1129),
		says("this machine may not connect: have a user made for it", 1130),
		{Match: func(err error) bool { return errors.Is(err, sdk.ErrNoTLS) }, Way: "it does not encrypt: use --set tls=off if that is all right"},
	}
}
