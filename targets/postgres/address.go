package postgres

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// address is one node of --at.
type address struct {
	// dsn is in libpq's form; it has no password.
	dsn string
	// config holds the settings of dsn and of the environment (PGUSER, PGPASSWORD, PGPASSFILE,
	// PGSSLMODE, ...).
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
		list, err := splitDSN(text)
		if err != nil {
			return nil, err
		}
		for _, dsn := range list {
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

// splitDSN takes lists apart: of host:port, of URLs, of the hosts of one URL, or of the host
// and port of one connection string. Each is a node; which of them takes writes is
// found by asking.
func splitDSN(text string) ([]string, error) {
	if dsnURL.MatchString(text) {
		var out []string
		for _, u := range external.SplitURLs(text) {
			m := dsnURL.FindStringSubmatch(u)
			if m == nil {
				out = append(out, u) // is refused where it is read
				continue
			}
			for host := range strings.SplitSeq(m[3], ",") {
				out = append(out, m[1]+m[2]+host+m[4])
			}
		}
		return out, nil
	}
	if !strings.Contains(text, "=") {
		return external.SplitAddresses([]string{text}), nil
	}
	hosts, ports := keyword("host", text), keyword("port", text)
	if len(hosts) < 2 && len(ports) < 2 {
		return []string{text}, nil
	}
	if len(ports) > 1 && len(ports) != len(hosts) {
		return nil, targets.Usagef("--at: a connection string names %s and %s: want one port for all, or one for each", count.Of(len(hosts), "host"), count.Of(len(ports), "port"))
	}
	rest := keywords["port"].ReplaceAllString(keywords["host"].ReplaceAllString(text, "$1"), "$1")
	var out []string
	for i, host := range hosts {
		one := rest + " host=" + host
		if len(ports) > 0 {
			one += " port=" + ports[min(i, len(ports)-1)]
		}
		out = append(out, one)
	}
	return out, nil
}

// keywords find the settings of a connection string that are lists.
var keywords = map[string]*regexp.Regexp{
	"host": regexp.MustCompile(`(^|\s)host\s*=\s*('[^']*'|\S*)`),
	"port": regexp.MustCompile(`(^|\s)port\s*=\s*('[^']*'|\S*)`),
}

// keyword returns the values that a connection string gives to one of these, none if it does not.
func keyword(name, text string) []string {
	m := keywords[name].FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return external.SplitAddresses([]string{strings.Trim(m[2], "'")})
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
		// What follows a comma would be taken for the database's name, with a password that is in it.
		if path, _, _ := strings.Cut(m[4], "?"); strings.ContainsAny(path, ",@") {
			return a, targets.Usagef("--at: address %d has a comma or an @ after its host: in a list of URLs each is one with postgres://; in the name of a database they are %%2C and %%40", number)
		}
		u, err := url.Parse(dsn)
		if err != nil {
			return a, targets.Usagef("--at: address %d is no URL such as postgres://app@db1:5432/test", number)
		}
		a.ownTLS = a.ownTLS && !u.Query().Has("sslmode")
		if a.ownTLS {
			// Not encoded anew: pgx reads a + as libpq does, which is not a space.
			if u.RawQuery != "" {
				u.RawQuery += "&"
			}
			u.RawQuery += "sslmode=disable"
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
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return a, targets.Usagef("--at: address %d, or a PG... variable of the environment, names a file that cannot be read: %v", number, file)
	case err != nil && m != nil && equalsInValue.MatchString(m[4]):
		return a, targets.Usagef("--at: address %d has a = within a value, which libpq refuses, too: write %%3D for it, as in options=-c%%20statement_timeout%%3D5s", number)
	case err != nil:
		return a, targets.Usagef("--at: address %d cannot be read as a connection string, or a PG... variable of the environment is bad: want host:port, postgres://app@db1:5432/test or host=db1 dbname=test", number)
	}
	if err := refuse(dsn, cfg, number); err != nil {
		return a, err
	}
	switch {
	case strings.HasPrefix(cfg.Host, "/"):
		return a, targets.Usagef("--at: address %d is a socket in a directory: want a host and a port", number)
	case len(cfg.Fallbacks) > 0 && !a.ownTLS:
		return a, targets.Usagef("--at: address %d: an sslmode of prefer or allow, or several hosts, says not how to connect: use one host, and sslmode=verify-full or disable", number)
	}
	cfg.ValidateConnect = nil // of target_session_attrs, here or in PGTARGETSESSIONATTRS
	a.config = cfg
	return a, nil
}

// equalsInValue finds a second = in a parameter of a URL.
var equalsInValue = regexp.MustCompile(`[?&][^=&]*=[^=&]*=`)

// followed are the values of target_session_attrs that ask for what is done anyway: writes
// go to the node that takes them, wherever a failover manager moves it to. Addresses of
// clusters under one have it.
var followed = regexp.MustCompile(`([?&]|(?:^|\s))target_session_attrs\s*=\s*'?(?:any|read-write|primary)'?(?:[&\s]|$)`)

// unfit are settings of an address that a run cannot follow, and why.
var unfit = []struct{ name, why string }{
	{"target_session_attrs", sessionAttrs},
	{"load_balance_hosts", "name every node: sessions stay with the one that they are said to ask"},
	{"hostaddr", "give the IP address as the host"},
	{"default_query_exec_mode", pooled},
	{"statement_cache_capacity", pooled},
	{"description_cache_capacity", pooled},
	{"synchronous_commit", "say it with --write-level"},
	{"default_transaction_isolation", "say it with --set isolation=..."},
	{"search_path", "a run makes a schema of its own and uses no other"},
}

const (
	// attrsVariable is target_session_attrs of all addresses that have none.
	attrsVariable = "PGTARGETSESSIONATTRS"
	sessionAttrs  = "name every node: lapse finds by itself which one takes the writes, and follows it, and --read-level says who is read"
)

// pooled explains why a pooler does not do.
const pooled = "a session needs a connection of its own to the server, with settings and prepared statements that stay: name the servers themselves in --at, or a pooler that pools sessions (pgbouncer: pool_mode=session), for which no setting is needed"

// refuse says why an address asks for what a run cannot do.
func refuse(dsn string, cfg *pgx.ConnConfig, number int) error {
	const attrs = "target_session_attrs"
	if v := os.Getenv(attrsVariable); v != "" && !settingIn(dsn, attrs) && !followed.MatchString(attrs+"="+v) {
		return targets.Usagef("--at: %s is %s: unset it; %s", attrsVariable, v, sessionAttrs)
	}
	dsn = followed.ReplaceAllString(dsn, "$1")
	for _, u := range unfit {
		if _, param := cfg.RuntimeParams[u.name]; param || settingIn(dsn, u.name) {
			return targets.Usagef("--at: address %d sets %s: leave it out; %s", number, u.name, u.why)
		}
	}
	return nil
}

// settingIn says whether an address, or the options in it (-c name=value), sets name.
func settingIn(dsn, name string) bool {
	text, err := url.QueryUnescape(dsn)
	if err != nil {
		text = dsn
	}
	return regexp.MustCompile(`(^|[\s?&]|-c\s*|--)` + name + `\s*=`).MatchString(text)
}
