#!/usr/bin/env bash
# nats.go 1.55.0 (Go, jetstream.ObjectStore) with nats-server 2.15.3, seen 2026-11-30.
#
# One client calls UpdateMeta to give an object a description; between its read of the old metadata and
# its write of the new ones another client puts a new version of the object. Put says nil, UpdateMeta says
# nil, and the object can no longer be read: its metadata, size and digest are those of the version
# before, whose chunks the Put has purged; nothing points to the new ones, which stay in the stream. The
# next reads end with an error, when their context does. Without anything held up, side by side, 186 of
# 200 went so.
#
# Guess that it breaks: "UpdateMeta will update the metadata for the object", and of the meta the name,
# description, headers and metadata; one expects at worst that one of two descriptions is lost, or an
# error as of kv.Update: what it writes is the whole entry, with the pointer to the data as it was read,
# and without a condition on the revision.
#
# Seen (what Put and UpdateMeta say; what is read; size as told by GetInfo; chunks in the stream):
#   one after the other: nil, nil; read "the second"; size 10, chunks 1
#   put in between:      nil, nil; read fails;        size 5, chunks 1
#
# Needs Go.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/objects 2>/dev/null
go get github.com/nats-io/nats.go@v1.55.0 github.com/nats-io/nats-server/v2@v2.15.3 >go.log 2>&1 || { cat go.log; exit 1; }
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

const bucket = "files"

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

// held is a connection that waits before it sends an object's metadata.
type held struct {
	net.Conn
	reached, release chan struct{}
}

func (h *held) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("PUB $O."+bucket+".M.")) {
		h.reached <- struct{}{}
		<-h.release
	}
	return h.Conn.Write(b)
}

func (h *held) Dial(network, address string) (conn net.Conn, err error) {
	h.Conn, err = net.Dial(network, address)
	return h, err
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
	plain, err := nats.Connect(s.ClientURL())
	if err != nil {
		return err
	}
	defer plain.Close()
	h := &held{reached: make(chan struct{}, 1), release: make(chan struct{})}
	slow, err := nats.Connect(s.ClientURL(), nats.SetCustomDialer(h))
	if err != nil {
		return err
	}
	defer slow.Close()
	js, err := jetstream.New(plain)
	if err != nil {
		return err
	}
	putter, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: bucket})
	if err != nil {
		return err
	}
	js2, err := jetstream.New(slow)
	if err != nil {
		return err
	}
	updater, err := js2.ObjectStore(ctx, bucket)
	if err != nil {
		return err
	}
	changed := false
	for _, c := range []struct {
		name    string
		between bool
		want    string
	}{
		{"one after the other", false, `Put <nil>, UpdateMeta <nil>; read "the second"; size 10, chunks 1, description "described"`},
		{"put in between", true, `Put <nil>, UpdateMeta <nil>; read fails; size 5, chunks 1, description "described"`},
	} {
		got, err := both(ctx, js, putter, updater, h, c.between)
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

// both has one client put a new version and the other one describe the object, whose metadata it has read
// before the put or after it.
func both(ctx context.Context, js jetstream.JetStream, putter, updater jetstream.ObjectStore, h *held, between bool) (string, error) {
	const name = "report"
	if _, err := putter.PutString(ctx, name, "first"); err != nil {
		return "", err
	}
	var putErr, updateErr error
	updated := make(chan struct{})
	update := func() {
		updateErr = updater.UpdateMeta(ctx, name, jetstream.ObjectMeta{Name: name, Description: "described"})
		close(updated)
	}
	put := func() { _, putErr = putter.PutString(ctx, name, "the second") }
	if between {
		go update()
		<-h.reached
		put()
	} else {
		put()
		go update()
		<-h.reached
	}
	h.release <- struct{}{}
	<-updated
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	read := "fails"
	if v, err := putter.GetString(short, name); err == nil {
		read = fmt.Sprintf("%q", v)
	}
	info, err := putter.GetInfo(ctx, name)
	if err != nil {
		return "", err
	}
	stream, err := js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return "", err
	}
	state, err := stream.Info(ctx, jetstream.WithSubjectFilter("$O."+bucket+".C.>"))
	if err != nil {
		return "", err
	}
	chunks := uint64(0)
	for _, n := range state.State.Subjects {
		chunks += n
	}
	return fmt.Sprintf("Put %v, UpdateMeta %v; read %s; size %d, chunks %d, description %q", putErr, updateErr, read, info.Size, chunks, info.Description), nil
}
GO
go mod tidy >go.log 2>&1 || { cat go.log; exit 1; }
go run .
