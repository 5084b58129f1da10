#!/usr/bin/env bash
# Pebble v2.1.7 (github.com/cockroachdb/pebble, CockroachDB's storage engine), seen 2026-11-30.
#
# A record of the write-ahead log with a wrong checksum may be one that was being written as the power failed: there
# the log ends. Or it may be damage, with synced records behind it. From format 020 (FormatWALSyncChunks) on
# records say up to where the log was synced, so that Open can tell the two apart and returns an error for damage. Two
# gaps are left with FormatNewest. A store that is made with it writes its first log before it is in that format:
# until the first flush or restart nothing is found out. And damage is looked for from the next block of 32 KiB on, so
# that the last block of a log is never checked. There Open returns nil, and what was synced behind the damage is gone;
# that it stopped early is a line at level info.
#
# Guess that it breaks: a store that was made with FormatNewest finds one flipped bit in the middle of its synced log, as
# its format promises, whether or not the process had been started once before.
#
# Seen (synced writes of small values; one bit of the 51st record of the log is flipped; Open):
#   FormatNewest, a new store, 3000 writes:    no error, 50 keys
#   FormatNewest, flushed before, 3000 writes: error (invalid chunk)
#   FormatNewest, opened before, 3000 writes:  error (invalid chunk)
#   FormatNewest, opened before, 100 writes:   no error, 50 keys
#   the oldest format, opened before, 3000:    no error, 50 keys
#
# Needs Go 1.26.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

func must(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(f string, a ...any) {
	fmt.Printf("fatal: "+f+"\n", a...)
	os.Exit(1)
}

// damaged makes a store, writes keys, flips a bit in the log, and returns what Open says and how many keys there are then.
func damaged(format pebble.FormatMajorVersion, before string, keys int) (error, int) {
	dir, err := os.MkdirTemp(".", "store")
	must(err)
	open := func() (*pebble.DB, error) {
		return pebble.Open(dir, &pebble.Options{FormatMajorVersion: format, Logger: silent{}})
	}
	db, err := open()
	must(err)
	switch before {
	case "flushed":
		must(db.Flush())
	case "opened":
		must(db.Close())
		db, err = open()
		must(err)
	}
	for i := range keys {
		must(db.Set(fmt.Appendf(nil, "key%04d", i), []byte("value"), pebble.Sync))
	}
	must(db.Close())
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	must(err)
	flipped := 0
	for _, name := range logs {
		text, err := os.ReadFile(name)
		must(err)
		if at := bytes.Index(text, []byte("key0050")); at >= 0 {
			text[at] ^= 1
			must(os.WriteFile(name, text, 0o600))
			flipped++
		}
	}
	if flipped != 1 {
		must(fmt.Errorf("%d logs have the record", flipped))
	}
	db, err = open()
	if err != nil {
		return err, 0
	}
	defer db.Close()
	it, err := db.NewIter(nil)
	must(err)
	n := 0
	for it.First(); it.Valid(); it.Next() {
		n++
	}
	must(it.Close())
	return nil, n
}

func main() {
	ok := true
	for _, c := range []struct {
		format pebble.FormatMajorVersion
		before string
		keys   int
		found  bool
	}{
		{pebble.FormatNewest, "new", 3000, false},
		{pebble.FormatNewest, "flushed", 3000, true},
		{pebble.FormatNewest, "opened", 3000, true},
		{pebble.FormatNewest, "opened", 100, false},
		{pebble.FormatMinSupported, "opened", 3000, false},
	} {
		err, n := damaged(c.format, c.before, c.keys)
		fmt.Printf("format %v, %s, %d writes: %v, %d keys\n", c.format, c.before, c.keys, err, n)
		ok = ok && (err != nil) == c.found && (c.found || n == 50)
	}
	if !ok {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
go mod init example.test/damaged >/dev/null 2>&1
go get github.com/cockroachdb/pebble/v2@v2.1.7 >get.log 2>&1 || { tail get.log; exit 1; }
go mod tidy >tidy.log 2>&1 || { tail tidy.log; exit 1; }
go build -o damaged . >build.log 2>&1 || { tail build.log; exit 1; }
./damaged
