package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
)

// explainLogin says what to do about a node that does not let us in.
func explainLogin(at address, err error) error {
	return external.Cures{
		{Match: says("no encryption"), Way: "it wants encryption: use --set tls=on", Tell: serverWords},
		{Match: inClass("28"), Way: "set PGUSER and PGPASSWORD, or PGPASSFILE, or name the user in the address (postgres://user@host:port/database)", Tell: serverWords},
		{Match: outcome.As(func(e *pgconn.PgError) bool { return e.Code == "3D000" }), Way: "name the database in the address (postgres://user@host:port/database) or in PGDATABASE", Tell: serverWords},
		{Match: says("server refused TLS connection"), Way: "it does not encrypt: use --set tls=off if that is all right"},
	}.Explain("connecting to "+at.hostPort(), err)
}

func says(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

// inClass matches an answer of the server's whose SQLSTATE is of this class.
func inClass(of string) func(error) bool {
	return outcome.As(func(e *pgconn.PgError) bool { return class(e.Code) == of })
}

// serverWords are the server's own, without ours around them.
func serverWords(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return errors.New(firstLine(pg.Message))
	}
	return err
}
