#!/usr/bin/env bash
# nats.go 1.55.0 (Go, KeyValue of jetstream and the older one) with nats-server 2.15.1 in its process, seen 2026-11-30.
#
# A key was deleted a while ago. PurgeDeletes lists the keys that have a delete marker, then purges the
# subject of each, one after another. The purge does not say up to which sequence: a value that another
# client stored under the key between the list and the purge goes too. The other one's Create (or Put, or Update with
# the marker's revision) has been acknowledged, with a revision that is now in no stream; the key is free
# again, and the next Create succeeds as well. Where the marker is younger than the threshold the newest
# message is kept, and so is the value.
#
# Guess that it breaks: the comment says that PurgeDeletes "will remove all current delete markers". It is
# housekeeping that is thought to touch no value, and a purge up to the marker's own sequence is what the
# stream offers. With many markers the time between list and purge is long, and a key that is taken and
# given back, as for a lock, has a marker whenever it is free.
#
# Seen (what the other client's call says; the key after PurgeDeletes; what a second Create says):
#   jetstream, Create before the list:  revision 3; is there; key exists
#   jetstream, Create in between:       revision 3; is not found; revision 4
#   jetstream, Put in between:          revision 3; is not found; revision 4
#   jetstream, Update in between:       revision 3; is not found; revision 4
#   jetstream, Create in between, young marker: revision 3; is there; key exists
#   older API, Create in between:       revision 3; is not found; revision 4
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/purge 2>/dev/null
go get github.com/nats-io/nats.go@v1.55.0 github.com/nats-io/nats-server/v2@v2.15.1 >go.log 2>&1 || { cat go.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const key = "lock"

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

// meanwhile runs what another client does just before the next purge leaves this one.
type meanwhile struct {
	net.Conn
	next func()
}

func (m *meanwhile) Write(b []byte) (int, error) {
	if m.next != nil && bytes.Contains(b, []byte("$JS.API.STREAM.PURGE.")) {
		next := m.next
		m.next = nil
		next()
	}
	return m.Conn.Write(b)
}

func (m *meanwhile) Dial(network, address string) (conn net.Conn, err error) {
	m.Conn, err = net.Dial(network, address)
	return m, err
}

// act is one client's write of the key, whose marker has the revision before.
type act func(ctx context.Context, kv jetstream.KeyValue, marker uint64) (uint64, error)

func create(ctx context.Context, kv jetstream.KeyValue, _ uint64) (uint64, error) {
	return kv.Create(ctx, key, []byte("mine"))
}

func put(ctx context.Context, kv jetstream.KeyValue, _ uint64) (uint64, error) {
	return kv.Put(ctx, key, []byte("mine"))
}

func update(ctx context.Context, kv jetstream.KeyValue, marker uint64) (uint64, error) {
	return kv.Update(ctx, key, []byte("mine"), marker)
}

// purge is PurgeDeletes of either API.
type purge func(ctx context.Context, nc *nats.Conn, bucket string, older time.Duration) error

func purgeNew(ctx context.Context, nc *nats.Conn, bucket string, older time.Duration) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return err
	}
	return kv.PurgeDeletes(ctx, jetstream.DeleteMarkersOlderThan(older))
}

func purgeOld(_ context.Context, nc *nats.Conn, bucket string, older time.Duration) error {
	js, err := nc.JetStream()
	if err != nil {
		return err
	}
	kv, err := js.KeyValue(bucket)
	if err != nil {
		return err
	}
	return kv.PurgeDeletes(nats.DeleteMarkersOlderThan(older))
}

func run() error {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: "data", NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(30 * time.Second) {
		return errors.New("the server is not ready")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	const old, young = time.Millisecond, time.Hour
	const lost, kept = "revision 3; is not found; revision 4", "revision 3; is there; key exists"
	changed := false
	for i, c := range []struct {
		name    string
		purge   purge
		write   act
		between bool
		older   time.Duration
		want    string
	}{
		{"jetstream, Create before the list", purgeNew, create, false, old, kept},
		{"jetstream, Create in between", purgeNew, create, true, old, lost},
		{"jetstream, Put in between", purgeNew, put, true, old, lost},
		{"jetstream, Update in between", purgeNew, update, true, old, lost},
		{"jetstream, Create in between, young marker", purgeNew, create, true, young, kept},
		{"older API, Create in between", purgeOld, create, true, old, lost},
	} {
		got, err := one(ctx, s.ClientURL(), fmt.Sprintf("b%d", i), c.purge, c.write, c.between, c.older)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%s: %s\n", c.name, got)
		changed = changed || got != c.want
	}
	if changed {
		return errors.New("other answers")
	}
	return nil
}

func said(revision uint64, err error) string {
	switch {
	case errors.Is(err, jetstream.ErrKeyExists):
		return "key exists"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("revision %d", revision)
}

func one(ctx context.Context, url, bucket string, purge purge, write act, between bool, older time.Duration) (string, error) {
	plain, err := nats.Connect(url)
	if err != nil {
		return "", err
	}
	defer plain.Close()
	m := &meanwhile{}
	keeper, err := nats.Connect(url, nats.SetCustomDialer(m))
	if err != nil {
		return "", err
	}
	defer keeper.Close()
	js, err := jetstream.New(plain)
	if err != nil {
		return "", err
	}
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket})
	if err != nil {
		return "", err
	}
	if _, err := kv.Create(ctx, key, []byte("before")); err != nil {
		return "", err
	}
	if err := kv.Delete(ctx, key); err != nil {
		return "", err
	}
	time.Sleep(50 * time.Millisecond) // the marker is older than the threshold of a millisecond
	var written string
	other := func() { written = said(write(ctx, kv, 2)) }
	if between {
		m.next = other
	} else {
		other()
	}
	if err := purge(ctx, keeper, bucket, older); err != nil {
		return "", err
	}
	_, err = kv.Get(ctx, key)
	there := "is there"
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		there = "is not found"
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("%s; %s; %s", written, there, said(kv.Create(ctx, key, []byte("another's")))), nil
}
GO
go mod tidy >go.log 2>&1 || { cat go.log; exit 1; }
go run . 2>run.log || { tail -20 run.log; exit 1; }
