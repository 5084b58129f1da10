package postgres

import (
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
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

// parseAddresses reads what --at gives: host:port, URLs or connection strings of
// libpq's (host=... port=... dbname=...).
func parseAddresses(at []string) ([]address, error) {
	var out []address
	for _, text := range at {
		for _, dsn := range splitDSN(text) {
			a, err := parseAddress(dsn, len(out)+1)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(out, func(b address) bool { return a.hostPort() == b.hostPort() }) {
				return nil, targets.Usagef("--at: %s is there twice; name each node once", a.hostPort())
			}
			out = append(out, a)
		}
	}
	if len(out) == 0 || len(out) > info.MaxNodes {
		return nil, targets.Usagef("--at: want the addresses of 1 to %d nodes, such as db1:5432,db2:5432 or postgres://app@db1:5432/test", info.MaxNodes)
	}
	return out, nil
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
	return external.SplitAddresses([]string{text})
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
		list, err := external.Addresses([]string{dsn}, port)
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
