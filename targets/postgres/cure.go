package postgres

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
)

// errIgnored: a server or a pooler took the settings of a session and did not keep to
// them.
var errIgnored = errors.New("a setting of the session was ignored")

// explainLogin says what to do about a node that does not let us in.
func explainLogin(at address, err error) error {
	return cures(at).Explain("connecting to "+at.hostPort(), err)
}

func cures(at address) external.Cures {
	user := at.config.User
	encrypt, plain, trust := "use --set tls=on (in a suite: options: {tls: on})", "use --set tls=off (in a suite: options: {tls: off})", ""
	if !at.ownTLS {
		encrypt, plain = "use sslmode=verify-full in the address, or PGSSLMODE", "use sslmode=disable in the address, or PGSSLMODE"
		trust = "name the file with the certificate of the authority that signed the server's with sslrootcert=FILE in the address, or PGSSLROOTCERT"
	}
	password := fmt.Sprintf("no password was given: set PGPASSWORD for the user %s, or keep it in a file (PGPASSFILE, ~/.pgpass)", user)
	if at.config.Password != "" {
		password = fmt.Sprintf("the password in PGPASSWORD or in the password file is not the one of the user %s; to be another user, set PGUSER or name it in the address (postgres://user@host:port/database)", user)
	}
	const another = "; or name another user with PGUSER or in the address"
	const settings = "the server does not take a setting of the session: mend it in options of the address, or in PGOPTIONS"
	c := external.Cures{
		{Match: saying("28000", "no encryption"), Way: "it lets this user in over encrypted connections only, if at all (pg_hba.conf: hostssl): " + encrypt + another, Tell: serverWords},
		{Match: saying("28000", "SSL encryption"), Way: "its pg_hba.conf has no line for this user, database and machine over encrypted connections: have one added, or, if there is one for plain connections only (hostnossl), " + plain + another, Tell: serverWords},
		{Match: saying("28000", "no pg_hba.conf entry"), Way: "its pg_hba.conf has no line for this user, database and machine: have one added, or name another user with PGUSER or in the address", Tell: serverWords},
		{Match: saying("28000", "does not exist"), Way: "set PGUSER, or name a user that there is in the address (postgres://user@host:port/database)", Tell: serverWords},
		{Match: inClass("28"), Way: password, Tell: serverWords},
		{Match: outcome.Says("failed SASL auth: invalid SCRAM", "password is empty"), Way: password},
		{Match: saying("3D000", ""), Way: "name a database that there is in the address (postgres://user@host:port/database) or in PGDATABASE", Tell: serverWords},
		{Match: saying("42501", "permission denied for database"), Way: fmt.Sprintf("GRANT CONNECT ON DATABASE %q TO %q, or name another database in the address or in PGDATABASE", at.config.Database, user), Tell: serverWords},
		{Match: saying("42704", "configuration parameter"), Way: settings, Tell: serverWords},
		{Match: saying("22023", "parameter"), Way: settings, Tell: serverWords},
		{Match: saying("53300", ""), Way: "it has no connection left: let it have more (max_connections), or use fewer clients (--concurrency)", Tell: serverWords},
		{Match: saying("57P03", ""), Way: "wait until it has started", Tell: serverWords},
		{Match: outcome.Is(errShared), Way: pooled},
		// What poolers say: pgbouncer of settings that it does not know, and servers behind
		// one that pools transactions of statements that another session prepared.
		{Match: outcome.Says("unsupported startup parameter"), Way: "a pooler stands there, which takes no such setting: leave it out of the address, or name the server itself", Tell: serverWords},
		{Match: saying("26000", ""), Way: pooled, Tell: serverWords},
		{Match: saying("42P05", ""), Way: pooled, Tell: serverWords},
		{Match: outcome.Is(errIgnored), Way: pooled},
		{Match: outcome.Says("server refused TLS connection"), Way: "it does not encrypt: if that is all right, " + plain},
	}
	if trust != "" {
		c = append(c, external.Cure{Match: outcome.As(func(x509.UnknownAuthorityError) bool { return true }), Way: trust, Tell: external.Innermost[x509.UnknownAuthorityError]})
	}
	return c
}

// saying matches an answer of the server's with this SQLSTATE and this in its message.
func saying(code, text string) func(error) bool {
	return outcome.As(func(e *pgconn.PgError) bool { return e.Code == code && strings.Contains(e.Message, text) })
}

// inClass matches an answer of the server's whose SQLSTATE is of this class.
func inClass(of string) func(error) bool {
	return outcome.As(func(e *pgconn.PgError) bool { return class(e.Code) == of })
}

// hasNone matches the answer that there is no such function, or that it is not supported.
var hasNone = outcome.As(func(e *pgconn.PgError) bool { return e.Code == "42883" || class(e.Code) == "0A" })

// serverWords are the server's own, without the driver's around them.
func serverWords(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return errors.New(firstLine(pg.Message))
	}
	return err
}
