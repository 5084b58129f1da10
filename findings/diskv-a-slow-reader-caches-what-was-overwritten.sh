#!/usr/bin/env bash
# diskv 3.0.1 (Go, key-value store in files, with a cache in memory), seen 2026-11-30.
#
# A reader has opened the value of a key and reads it bit by bit. Meanwhile the key is written anew, or erased. The reader gets
# the old value whole, as one wants it (TempDir is set, so that a write goes to a file of its own). But when it comes to the end, what it read is
# put into the cache as the value of the key. From then on every Read gives the old value, though Write had returned; the erased key
# is there again, for Has too, and Erase says that the file does not exist. The disk is right: a new Diskv on the same folder
# reads the new value. It stays so until the key is written again.
#
# Guess that it breaks: Write makes the value available to reads at once, says its comment, and Erase takes the key from disk and cache. That the cache is
# emptied by a write is true; what fills it afterwards may be older. CacheSizeMax 0, the default, has no such thing; the examples of the README set it.
#
# Seen (what is read after the reader is done):
#   no write:                     old; Has true; disk: old
#   Write while reading:          old; Has true; disk: new
#   Erase while reading:          old; Has true; disk: nothing
#   then Erase once more:         file does not exist
#   Write before the first byte:  old; Has true; disk: new
#   the same with no cache:       new; Has true; disk: new
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/diskv 2>/dev/null
go get github.com/peterbourgon/diskv/v3@v3.0.1 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/peterbourgon/diskv/v3"
)

const key = "price"

var asSeen = true

func check(name, got, want string) {
	fmt.Printf("%s: %s\n", name, got)
	asSeen = asSeen && got == want
}

func open(folder string, cache uint64) *diskv.Diskv {
	return diskv.New(diskv.Options{BasePath: folder, TempDir: folder + ".tmp", CacheSizeMax: cache})
}

func read(d *diskv.Diskv) string {
	v, err := d.Read(key)
	if errors.Is(err, fs.ErrNotExist) {
		return "nothing"
	}
	if err != nil {
		return err.Error()
	}
	return string(v)
}

// row reads one byte (or none), has change done, reads the rest, and says what the store then gives.
func row(name, folder string, cache uint64, first int, change func(*diskv.Diskv) error, want string) (*diskv.Diskv, error) {
	d := open(folder, cache)
	if err := d.Write(key, []byte("old")); err != nil {
		return nil, err
	}
	r, err := d.ReadStream(key, false)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, first)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	if err := change(d); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if got := string(b) + string(rest); got != "old" {
		return nil, fmt.Errorf("the reader got %q", got)
	}
	check(name, fmt.Sprintf("%s; Has %t; disk: %s", read(d), d.Has(key), read(open(folder, 0))), want)
	return d, nil
}

func run() error {
	write := func(d *diskv.Diskv) error { return d.Write(key, []byte("new")) }
	erase := func(d *diskv.Diskv) error { return d.Erase(key) }
	const cache = 1 << 20
	if _, err := row("no write", "a", cache, 1, func(*diskv.Diskv) error { return nil }, "old; Has true; disk: old"); err != nil {
		return err
	}
	if _, err := row("Write while reading", "b", cache, 1, write, "old; Has true; disk: new"); err != nil {
		return err
	}
	d, err := row("Erase while reading", "c", cache, 1, erase, "old; Has true; disk: nothing")
	if err != nil {
		return err
	}
	again := "erased"
	if err := d.Erase(key); errors.Is(err, fs.ErrNotExist) {
		again = "file does not exist"
	} else if err != nil {
		return err
	}
	check("then Erase once more", again, "file does not exist")
	if _, err := row("Write before the first byte", "d", cache, 0, write, "old; Has true; disk: new"); err != nil {
		return err
	}
	_, err = row("the same with no cache", "e", 0, 0, write, "new; Has true; disk: new")
	return err
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
