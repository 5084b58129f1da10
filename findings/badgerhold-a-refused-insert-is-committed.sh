#!/usr/bin/env bash
# BadgerHold v4.0.3 and BoltHold v0.0.0-20240314194003-30aac6950928 (Go), seen 2026-11-30.
#
# Users have an email that is unique. In a transaction of one's own TxInsert of a second user with the same email gives
# ErrUniqueExists, and the program goes on as it does with a user that is there already: it writes the rest, and commits. Both
# users are stored now. The refused one is not in the index: a query by the index finds the first alone, a query
# without it both. TxUpdate that is refused has changed the record as well, and taken the old email out of the index, so that
# a third user can have the email that the second had. The same with BoltHold. Insert, with no transaction of one's own, stores nothing when
# it is refused, and an insert refused for its key stores nothing in either.
#
# Guess that it breaks: an operation that gives an error of its own has done nothing; so it is with ErrKeyExists and
# ErrNotFound of the same functions, and with the unique constraint of a database in a transaction. The documentation says that TxInsert is the same as
# Insert except that one gives it a transaction. That one has to roll back because of it, one learns from two users of one email.
#
# Seen (both libraries alike; the users' names by a query of all, and by the index of anna@example.test):
#   Insert refused:                          all: Anna; by index: Anna
#   TxInsert refused, committed:             all: Anna Other; by index: Anna
#   TxInsert refused for its key, committed: all: Anna; by index: Anna
#   TxUpdate refused, committed:             all: Anna Bert-with-anna@example.test; by index: Anna; bert@example.test is free
#   Update refused:                          all: Anna Bert; by index: Anna; bert@example.test is taken
#
# Needs Go 1.24 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.test/refused

go 1.24.0

require (
	github.com/dgraph-io/badger/v4 v4.1.0
	github.com/timshannon/badgerhold/v4 v4.0.3
	github.com/timshannon/bolthold v0.0.0-20240314194003-30aac6950928
	go.etcd.io/bbolt v1.3.8
)
MOD
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/timshannon/badgerhold/v4"
	"github.com/timshannon/bolthold"
	bolt "go.etcd.io/bbolt"
)

const anna, bert = "anna@example.test", "bert@example.test"

type User struct {
	Email string `badgerhold:"unique" boltholdUnique:"Email"`
	Name  string
}

// tx is what a transaction of either library can do here.
type tx struct{ insert, update func(key int, u User) error }

// store is either library. within runs what commits whatever errors its operations gave.
type store struct {
	name           string
	insert, update func(key int, u User) error
	within         func(func(tx)) error
	all, byIndex   func() ([]User, error)
	close          func() error
}

var same = true

func must(err error) {
	if err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func overBadger(dir string) store {
	opt := badgerhold.DefaultOptions
	opt.Dir, opt.ValueDir, opt.Logger = dir, dir, nil
	s, err := badgerhold.Open(opt)
	must(err)
	find := func(q *badgerhold.Query) ([]User, error) {
		var users []User
		err := s.Find(&users, q)
		return users, err
	}
	return store{
		name:   "BadgerHold",
		insert: func(key int, u User) error { return s.Insert(key, u) },
		update: func(key int, u User) error { return s.Update(key, u) },
		within: func(do func(tx)) error {
			return s.Badger().Update(func(t *badger.Txn) error {
				do(tx{
					func(key int, u User) error { return s.TxInsert(t, key, u) },
					func(key int, u User) error { return s.TxUpdate(t, key, u) },
				})
				return nil
			})
		},
		all:     func() ([]User, error) { return find(nil) },
		byIndex: func() ([]User, error) { return find(badgerhold.Where("Email").Eq(anna).Index("Email")) },
		close:   s.Close,
	}
}

func overBolt(dir string) store {
	must(os.MkdirAll(dir, 0o700))
	s, err := bolthold.Open(filepath.Join(dir, "users"), 0o600, nil)
	must(err)
	find := func(q *bolthold.Query) ([]User, error) {
		var users []User
		err := s.Find(&users, q)
		return users, err
	}
	return store{
		name:   "BoltHold",
		insert: func(key int, u User) error { return s.Insert(key, u) },
		update: func(key int, u User) error { return s.Update(key, u) },
		within: func(do func(tx)) error {
			return s.Bolt().Update(func(t *bolt.Tx) error {
				do(tx{
					func(key int, u User) error { return s.TxInsert(t, key, u) },
					func(key int, u User) error { return s.TxUpdate(t, key, u) },
				})
				return nil
			})
		},
		all:     func() ([]User, error) { return find(nil) },
		byIndex: func() ([]User, error) { return find(bolthold.Where("Email").Eq(anna).Index("Email")) },
		close:   s.Close,
	}
}

// refused ends the program unless an operation was refused, for the email or for the key.
func refused(err error) {
	for _, want := range []error{badgerhold.ErrUniqueExists, bolthold.ErrUniqueExists, badgerhold.ErrKeyExists, bolthold.ErrKeyExists} {
		if errors.Is(err, want) {
			return
		}
	}
	must(fmt.Errorf("not refused: %v", err))
}

func names(users []User, err error) string {
	must(err)
	var all []string
	for _, u := range users {
		name := u.Name
		if name == "Bert" && u.Email != bert {
			name += "-with-" + u.Email
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func row(open func(string) store, name, want string, steps func(store), free bool) {
	dir, err := os.MkdirTemp(".", "users")
	must(err)
	s := open(dir)
	must(s.insert(1, User{anna, "Anna"}))
	steps(s)
	got := fmt.Sprintf("all: %s; by index: %s", names(s.all()), names(s.byIndex()))
	if free {
		state := "free"
		if s.insert(3, User{bert, "Third"}) != nil {
			state = "taken"
		}
		got += "; " + bert + " is " + state
	}
	must(s.close())
	fmt.Printf("%s, %s: %s\n", s.name, name, got)
	same = same && got == want
}

func main() {
	other := User{anna, "Other"}
	for _, open := range []func(string) store{overBadger, overBolt} {
		row(open, "Insert refused", "all: Anna; by index: Anna", func(s store) { refused(s.insert(2, other)) }, false)
		row(open, "TxInsert refused, committed", "all: Anna Other; by index: Anna", func(s store) {
			must(s.within(func(t tx) { refused(t.insert(2, other)) }))
		}, false)
		row(open, "TxInsert refused for its key, committed", "all: Anna; by index: Anna", func(s store) {
			must(s.within(func(t tx) { refused(t.insert(1, User{bert, "Other"})) }))
		}, false)
		row(open, "TxUpdate refused, committed", "all: Anna Bert-with-anna@example.test; by index: Anna; bert@example.test is free", func(s store) {
			must(s.insert(2, User{bert, "Bert"}))
			must(s.within(func(t tx) { refused(t.update(2, User{anna, "Bert"})) }))
		}, true)
		row(open, "Update refused", "all: Anna Bert; by index: Anna; bert@example.test is taken", func(s store) {
			must(s.insert(2, User{bert, "Bert"}))
			refused(s.update(2, User{anna, "Bert"}))
		}, true)
	}
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 200 go run .
