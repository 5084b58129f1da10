#!/usr/bin/env bash
# go-memdb 1.3.5 (Go, HashiCorp's in-memory store with transactions and indexes), seen 2026-11-29.
#
# A table has an index of emails with Unique: true. Two accounts with one email are inserted, in one
# transaction or in two: neither Insert fails and both rows are there. The index has the one that came
# last; the first one cannot be found by its email. Then the first one is deleted, or changes its
# email, and the index entry goes with it: now the second, untouched, is not found by its email either,
# and DeleteAll by that email deletes nothing, although the table has the row. An index without Unique
# finds both, and one after the deletion.
#
# Guess that it breaks: what stores mean by a unique index (SQL databases, MongoDB, ArangoDB,
# Isar: the second insert is an error). The README's example marks the id "Unique: true" and
# says nothing of it; the field in IndexSchema has no comment. Insert's comment speaks of "add or
# update an object", which is so for the id; for another index the two are different objects.
#
# Seen:
#   unique, one transaction or two: inserts <nil> <nil>, rows 2, by email [2]; first deleted: rows 1, by email []; DeleteAll by email: 0
#   unique, first changes its email: rows 2, by email []; DeleteAll by email: 0
#   not unique: inserts <nil> <nil>, rows 2, by email [1 2]; first deleted: rows 1, by email [2]; DeleteAll by email: 1
#
# Needs Go 1.23 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/unique >/dev/null 2>&1
go get github.com/hashicorp/go-memdb@v1.3.5 >go.log 2>&1 || { cat go.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/go-memdb"
)

type account struct{ ID, Email string }

// ids gives what an index finds: all accounts by "id", those of an email by "email".
func ids(db *memdb.MemDB, index string, args ...any) []string {
	it, err := db.Txn(false).Get("account", index, args...)
	if err != nil {
		panic(err)
	}
	found := []string{}
	for o := it.Next(); o != nil; o = it.Next() {
		found = append(found, o.(*account).ID)
	}
	return found
}

// run inserts two accounts of one email, then takes the first one's email away, and says what is found.
func run(unique, oneTransaction, change bool) string {
	db, err := memdb.NewMemDB(&memdb.DBSchema{Tables: map[string]*memdb.TableSchema{"account": {
		Name: "account",
		Indexes: map[string]*memdb.IndexSchema{
			"id":    {Name: "id", Unique: true, Indexer: &memdb.StringFieldIndex{Field: "ID"}},
			"email": {Name: "email", Unique: unique, Indexer: &memdb.StringFieldIndex{Field: "Email"}},
		},
	}}})
	if err != nil {
		panic(err)
	}
	const email = "e@example.test"
	tx := db.Txn(true)
	err1 := tx.Insert("account", &account{"1", email})
	if !oneTransaction {
		tx.Commit()
		tx = db.Txn(true)
	}
	err2 := tx.Insert("account", &account{"2", email})
	tx.Commit()
	said := fmt.Sprintf("inserts %v %v, rows %d, by email %v", err1, err2, len(ids(db, "id")), ids(db, "email", email))

	tx = db.Txn(true)
	what := "first deleted"
	if change {
		what = "first changes its email"
		err = tx.Insert("account", &account{"1", "other@example.test"})
	} else {
		err = tx.Delete("account", &account{"1", email})
	}
	if err != nil {
		panic(err)
	}
	tx.Commit()
	said += fmt.Sprintf("; %s: rows %d, by email %v", what, len(ids(db, "id")), ids(db, "email", email))
	tx = db.Txn(true)
	n, err := tx.DeleteAll("account", "email", email)
	if err != nil {
		panic(err)
	}
	tx.Commit()
	return said + fmt.Sprintf("; DeleteAll by email: %d", n)
}

func main() {
	const both = "inserts <nil> <nil>, rows 2, by email "
	asSeen := true
	for _, c := range []struct {
		name                           string
		unique, oneTransaction, change bool
		want                           string
	}{
		{"unique, one transaction", true, true, false, both + "[2]; first deleted: rows 1, by email []; DeleteAll by email: 0"},
		{"unique, two transactions", true, false, false, both + "[2]; first deleted: rows 1, by email []; DeleteAll by email: 0"},
		{"unique, changed", true, false, true, both + "[2]; first changes its email: rows 2, by email []; DeleteAll by email: 0"},
		{"not unique", false, false, false, both + "[1 2]; first deleted: rows 1, by email [2]; DeleteAll by email: 1"},
		{"not unique, changed", false, false, true, both + "[1 2]; first changes its email: rows 2, by email [2]; DeleteAll by email: 1"},
	} {
		got := run(c.unique, c.oneTransaction, c.change)
		fmt.Printf("%s: %s\n", c.name, got)
		asSeen = asSeen && got == c.want
	}
	if !asSeen {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
