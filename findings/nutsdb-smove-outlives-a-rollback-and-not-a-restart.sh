#!/usr/bin/env bash
# NutsDB 1.1.0 (embedded store in Go, with lists, sets and sorted sets), seen 2026-11-30.
#
# SMoveByOneBucket moves a member from one set to another. It does so at once, in the memory of the whole database, and writes nothing: the
# transaction that called it fails and is rolled back, and the move stays; a View, that may only read, moves as well; and
# after a commit that succeeded the member is, once the database is opened again, back where it was. SRem and SAdd in one
# transaction are rolled back, refused in a View, and kept.
#
# Guess that it breaks: the guide says that a transaction that fails reverts all its changes, and that one that succeeds has them on disk (SyncEnable
# is on here); a read-only one can read, says the README. A job that was moved from todo to done, as the command of Redis is used, is done once more after the next start. As
# long as the program runs all looks right.
#
# Seen (todo and done, of "a" and "x" before: after an Update that fails; after a View; after an Update that commits; opened again):
#   SMoveByOneBucket: moved; moved; moved; not moved
#   SRem and SAdd:    not moved; not moved; moved; moved
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/nutsdb 2>/dev/null
go get github.com/nutsdb/nutsdb@v1.1.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/nutsdb/nutsdb"
)

const bucket = "b"

var (
	todo, done = []byte("todo"), []byte("done")
	a, x       = []byte("a"), []byte("x")
	errFails   = errors.New("the transaction fails")
)

func open(folder string) (*nutsdb.DB, error) {
	return nutsdb.Open(nutsdb.DefaultOptions, nutsdb.WithDir(folder))
}

// fresh gives a database in which a is in todo and x in done.
func fresh(folder string) (*nutsdb.DB, error) {
	db, err := open(folder)
	if err != nil {
		return nil, err
	}
	if err := db.Update(func(tx *nutsdb.Tx) error { return tx.NewBucket(nutsdb.DataStructureSet, bucket) }); err != nil {
		return nil, err
	}
	return db, db.Update(func(tx *nutsdb.Tx) error {
		return errors.Join(tx.SAdd(bucket, todo, a), tx.SAdd(bucket, done, x))
	})
}

func where(db *nutsdb.DB) (string, error) {
	at := ""
	err := db.View(func(tx *nutsdb.Tx) error {
		there, err := tx.SIsMember(bucket, todo, a)
		if err != nil {
			return err
		}
		members, err := tx.SMembers(bucket, done)
		if err != nil {
			return err
		}
		switch moved := slices.ContainsFunc(members, func(m []byte) bool { return bytes.Equal(m, a) }); {
		case there && !moved:
			at = "not moved"
		case !there && moved:
			at = "moved"
		default:
			at = fmt.Sprintf("in todo %t, in done %t", there, moved)
		}
		return nil
	})
	return at, err
}

// row moves in a transaction that fails, in one that may only read, and in one that commits.
func row(name string, move func(*nutsdb.Tx) error) (string, error) {
	steps := []struct {
		what string
		run  func(*nutsdb.DB) error
	}{
		{"fails", func(db *nutsdb.DB) error {
			err := db.Update(func(tx *nutsdb.Tx) error {
				if err := move(tx); err != nil {
					return err
				}
				return errFails
			})
			if !errors.Is(err, errFails) {
				return fmt.Errorf("the update that fails: %v", err)
			}
			return nil
		}},
		{"view", func(db *nutsdb.DB) error {
			_ = db.View(move) // the error, or none, is not what is asked here
			return nil
		}},
		{"commits", func(db *nutsdb.DB) error { return db.Update(move) }},
	}
	got := ""
	for _, s := range steps {
		folder := name + "-" + s.what
		db, err := fresh(folder)
		if err != nil {
			return "", err
		}
		if err := s.run(db); err != nil {
			return "", err
		}
		at, err := where(db)
		if err != nil {
			return "", err
		}
		got += at + "; "
		if err := db.Close(); err != nil {
			return "", err
		}
	}
	db, err := open(name + "-commits")
	if err != nil {
		return "", err
	}
	defer db.Close()
	at, err := where(db)
	return got + at, err
}

func run() (bool, error) {
	smove, err := row("smove", func(tx *nutsdb.Tx) error {
		ok, err := tx.SMoveByOneBucket(bucket, todo, done, a)
		if err == nil && !ok {
			return errors.New("not moved")
		}
		return err
	})
	if err != nil {
		return false, err
	}
	fmt.Println("SMoveByOneBucket:", smove)
	two, err := row("two", func(tx *nutsdb.Tx) error {
		if err := tx.SRem(bucket, todo, a); err != nil {
			return err
		}
		return tx.SAdd(bucket, done, a)
	})
	if err != nil {
		return false, err
	}
	fmt.Println("SRem and SAdd:", two)
	return smove == "moved; moved; moved; not moved" && two == "not moved; not moved; moved; moved", nil
}

func main() {
	same, err := run()
	if err != nil {
		fmt.Println(err)
	}
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 900 go run .
