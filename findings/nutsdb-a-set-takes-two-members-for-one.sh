#!/usr/bin/env bash
# NutsDB 1.1.0 (embedded store in Go, with lists, sets and sorted sets), seen 2026-11-30.
#
# A set is stored by the 32 bits that FNV-1a makes of a member, and two members with the same bits are one to it. Of the known pair costarring
# and liquid the second SAdd gives nil and stores nothing; SIsMember says that liquid is in the set before it was ever added; SRem of liquid
# takes costarring out; and the difference of a set with costarring and one with liquid is empty. The commits succeed.
#
# Guess that it breaks: a set of users, or of keys that have been done, holds what was added to it. With enough members some pair or other is so: one
# is found that nobody added, and its work is not done. The guide to the sets has no word of a hash.
#
# Seen:
#   added costarring, then liquid:          the set is costarring
#   before liquid is added:                 SIsMember true
#   SRem of liquid, that was not added:     the set is empty
#   {costarring} without {liquid}:          empty
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
	"strings"

	"github.com/nutsdb/nutsdb"
)

const bucket = "b"

var (
	one, two = []byte("costarring"), []byte("liquid")
	asSeen   = true
)

func check(name, got, want string) {
	fmt.Printf("%s: %s\n", name, got)
	asSeen = asSeen && got == want
}

// members gives the set as words.
func members(tx *nutsdb.Tx, key string) (string, error) {
	got, err := tx.SMembers(bucket, []byte(key))
	if err != nil && !errors.Is(err, nutsdb.ErrSetNotExist) {
		return "", err
	}
	return words(got), nil
}

func words(got [][]byte) string {
	if len(got) == 0 {
		return "empty"
	}
	slices.SortFunc(got, bytes.Compare)
	return strings.ToLower(string(bytes.Join(got, []byte(" "))))
}

func run() error {
	db, err := nutsdb.Open(nutsdb.DefaultOptions, nutsdb.WithDir("data"), nutsdb.WithSyncEnable(false))
	if err != nil {
		return err
	}
	defer db.Close()
	add := func(key string, member []byte) error {
		return db.Update(func(tx *nutsdb.Tx) error { return tx.SAdd(bucket, []byte(key), member) })
	}
	if err := db.Update(func(tx *nutsdb.Tx) error { return tx.NewBucket(nutsdb.DataStructureSet, bucket) }); err != nil {
		return err
	}
	if err := errors.Join(add("both", one), add("both", two), add("one", one), add("gone", one), add("two", two)); err != nil {
		return err
	}
	if err := db.Update(func(tx *nutsdb.Tx) error { return tx.SRem(bucket, []byte("gone"), two) }); err != nil {
		return err
	}
	return db.View(func(tx *nutsdb.Tx) error {
		both, err := members(tx, "both")
		if err != nil {
			return err
		}
		check("added costarring, then liquid", "the set is "+both, "the set is costarring")
		is, err := tx.SIsMember(bucket, []byte("one"), two)
		if err != nil {
			return err
		}
		check("before liquid is added", fmt.Sprintf("SIsMember %t", is), "SIsMember true")
		gone, err := members(tx, "gone")
		if err != nil {
			return err
		}
		check("SRem of liquid, that was not added", "the set is "+gone, "the set is empty")
		diff, err := tx.SDiffByOneBucket(bucket, []byte("one"), []byte("two"))
		if err != nil {
			return err
		}
		check("{costarring} without {liquid}", words(diff), "empty")
		return nil
	})
}

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
		asSeen = false
	}
	if !asSeen {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 900 go run .
