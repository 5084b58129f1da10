#!/usr/bin/env bash
# RamSQL 0.1.5 (Go, a database in memory for tests, by database/sql), seen 2026-11-30.
#
# A transaction changes a row, or deletes one, and is rolled back: Rollback returns nil, and the change stays, for all and
# for good; the deleted row does not come back. A row that the transaction has inserted is taken out again. So a
# transfer that fails between its halves leaves the first half, and one that updates a row and inserts another leaves
# the update without the insert. It is the same if a statement fails
# and the transaction says that it is aborted.
#
# Guess that it breaks: its page has transactions ticked and says that in case of an error or a call to Rollback the changes
# are reverted, and inserts are. A test that expects what a failed request has left behind passes or fails here for the
# wrong reason, in both directions.
#
# Seen (accounts 1 and 2 with 100 each; in the transaction; after its rollback, which returned nil each time):
#   insert account 3:                1:100 2:100 3:100; 1:100 2:100
#   update account 1:                1:90 2:100; 1:90 2:100
#   update accounts 1 and 2:         1:90 2:110; 1:90 2:110
#   update account 1, insert 3:      1:90 2:100 3:100; 1:90 2:100
#   delete account 1:                2:100; 2:100
#   update account 1, insert 2 again: aborted; 1:90 2:100
#   update account 1, committed:     1:90 2:100; 1:90 2:100
#
# Needs Go 1.23 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"
	"os"
	"sort"
	"strings"

	_ "github.com/proullon/ramsql/driver"
)

const (
	insert  = "INSERT INTO account (id, balance) VALUES (3, 100)"
	again   = "INSERT INTO account (id, balance) VALUES (2, 100)"
	less    = "UPDATE account SET balance = 90 WHERE id = 1"
	more    = "UPDATE account SET balance = 110 WHERE id = 2"
	without = "DELETE FROM account WHERE id = 1"
)

type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

func accounts(q querier) (string, error) {
	rows, err := q.Query("SELECT id, balance FROM account")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id, balance int
		if err := rows.Scan(&id, &balance); err != nil {
			return "", err
		}
		all = append(all, fmt.Sprintf("%d:%d", id, balance))
	}
	sort.Strings(all)
	return strings.Join(all, " "), rows.Err()
}

// row carries out statements in a transaction, in a database of its own, and ends it by end; failing says that the last is to fail.
func row(name string, failing bool, end func(*sql.Tx) error, statements ...string) (string, error) {
	db, err := sql.Open("ramsql", name)
	if err != nil {
		return "", err
	}
	defer db.Close()
	for _, s := range []string{
		"CREATE TABLE account (id INT PRIMARY KEY, balance INT)",
		"INSERT INTO account (id, balance) VALUES (1, 100)",
		"INSERT INTO account (id, balance) VALUES (2, 100)",
	} {
		if _, err := db.Exec(s); err != nil {
			return "", fmt.Errorf("%s: %w", s, err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		return "", err
	}
	for i, s := range statements {
		_, err := tx.Exec(s)
		if (err != nil) != (failing && i == len(statements)-1) {
			return "", fmt.Errorf("%s: %v", s, err)
		}
	}
	during := "aborted"
	if !failing {
		if during, err = accounts(tx); err != nil {
			return "", err
		}
	}
	if err := end(tx); err != nil {
		return "", fmt.Errorf("end of the transaction: %w", err)
	}
	after, err := accounts(db)
	return during + "; " + after, err
}

func main() {
	same := true
	for _, r := range []struct {
		name       string
		failing    bool
		end        func(*sql.Tx) error
		statements []string
		want       string
	}{
		{"insert account 3", false, (*sql.Tx).Rollback, []string{insert}, "1:100 2:100 3:100; 1:100 2:100"},
		{"update account 1", false, (*sql.Tx).Rollback, []string{less}, "1:90 2:100; 1:90 2:100"},
		{"update accounts 1 and 2", false, (*sql.Tx).Rollback, []string{less, more}, "1:90 2:110; 1:90 2:110"},
		{"update account 1, insert 3", false, (*sql.Tx).Rollback, []string{less, insert}, "1:90 2:100 3:100; 1:90 2:100"},
		{"delete account 1", false, (*sql.Tx).Rollback, []string{without}, "2:100; 2:100"},
		{"update account 1, insert 2 again", true, (*sql.Tx).Rollback, []string{less, again}, "aborted; 1:90 2:100"},
		{"update account 1, committed", false, (*sql.Tx).Commit, []string{less}, "1:90 2:100; 1:90 2:100"},
	} {
		got, err := row(r.name, r.failing, r.end, r.statements...)
		if err != nil {
			got = err.Error()
		}
		fmt.Printf("%s: %s\n", r.name, got)
		same = same && got == r.want
	}
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
cat >go.mod <<'MOD'
module rollback

go 1.23

require github.com/proullon/ramsql v0.1.5
MOD
GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
GOTOOLCHAIN=local go build -o rollback . 2>build.log || { cat build.log; exit 1; }
timeout 60 ./rollback
