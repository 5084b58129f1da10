#!/usr/bin/env bash
# NutsDB 1.1.0 (embedded store in Go, with lists, sets and sorted sets), seen 2026-11-28.
#
# A transaction pops twice from a list of 1, 2, 3: both pops return 1, and after the commit
# the list is 3. Element 2 was handed to nobody. In two transactions the pops return 1 and 2.
# Structures other than plain keys do not see what their own transaction did: a member that
# it has just added is not there, a list that it has just pushed to is not found, and GetAll
# does not have the key that Get, in the same transaction, does.
#
# Guess that it breaks: "fully serializable transactions" read their own writes, as Get does
# here after Put. A worker that takes a batch of jobs in one transaction does one of them
# twice and loses the others; a test that takes one element a transaction never shows it.
#
# Seen:
#   one transaction:  popped 1 and 1, left [3]
#   two transactions: popped 1 and 2, left [3]
#   own writes seen: Get true, GetAll false, SIsMember false, LSize false, ZCard false
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
	"fmt"
	"os"

	"github.com/nutsdb/nutsdb"
)

const bucket = "b"

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func run() error {
	db, err := nutsdb.Open(nutsdb.DefaultOptions, nutsdb.WithDir("data"))
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.Update(func(tx *nutsdb.Tx) error {
		for _, s := range []nutsdb.DataStructure{nutsdb.DataStructureBTree, nutsdb.DataStructureSet, nutsdb.DataStructureList, nutsdb.DataStructureSortedSet} {
			if err := tx.NewBucket(s, bucket); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	one, err := pops(db, "one", 1)
	if err != nil {
		return err
	}
	two, err := pops(db, "two", 2)
	if err != nil {
		return err
	}
	fmt.Println("one transaction: ", one)
	fmt.Println("two transactions:", two)
	own, err := ownWrites(db)
	if err != nil {
		return err
	}
	fmt.Println("own writes seen:", own)
	switch {
	case two != "popped 1 and 2, left [3]":
		return fmt.Errorf("two transactions (the control) pop otherwise")
	case one != "popped 1 and 1, left [3]":
		return fmt.Errorf("one transaction no longer pops the same element twice")
	case own != "Get true, GetAll false, SIsMember false, LSize false, ZCard false":
		return fmt.Errorf("other own writes are seen")
	}
	return nil
}

// pops takes two elements of three, in so many transactions.
func pops(db *nutsdb.DB, list string, transactions int) (string, error) {
	key := []byte(list)
	if err := db.Update(func(tx *nutsdb.Tx) error { return tx.RPush(bucket, key, []byte("1"), []byte("2"), []byte("3")) }); err != nil {
		return "", err
	}
	var popped []string
	for range transactions {
		err := db.Update(func(tx *nutsdb.Tx) error {
			for range 2 / transactions {
				v, err := tx.LPop(bucket, key)
				if err != nil {
					return err
				}
				popped = append(popped, string(v))
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	var left [][]byte
	err := db.View(func(tx *nutsdb.Tx) (err error) {
		left, err = tx.LRange(bucket, key, 0, -1)
		return err
	})
	return fmt.Sprintf("popped %s and %s, left %s", popped[0], popped[1], left), err
}

func ownWrites(db *nutsdb.DB) (string, error) {
	var seen string
	err := db.Update(func(tx *nutsdb.Tx) error {
		k, v := []byte("k"), []byte("v")
		for _, err := range []error{tx.Put(bucket, k, v, 0), tx.SAdd(bucket, k, v), tx.RPush(bucket, k, v), tx.ZAdd(bucket, k, 1, v)} {
			if err != nil {
				return err
			}
		}
		// What is not there is an error for some of these and an empty answer for others.
		got, _ := tx.Get(bucket, k)
		all, _, _ := tx.GetAll(bucket)
		member, _ := tx.SIsMember(bucket, k, v)
		size, _ := tx.LSize(bucket, k)
		card, _ := tx.ZCard(bucket, k)
		seen = fmt.Sprintf("Get %t, GetAll %t, SIsMember %t, LSize %t, ZCard %t", got != nil, len(all) > 0, member, size > 0, card > 0)
		return nil
	})
	return seen, err
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
