#!/usr/bin/env bash
# etcd 3.6.16 (Go, clientv3/ordering), three embedded members, seen 2026-11-30.
#
# A client whose KV is wrapped by ordering.NewKV writes a key through one member, then reads it with
# WithSerializable through another, which is cut off and behind. After a Put, a Delete or a Do the read
# gives the state from before the client's own write, and nothing is reported: the wrapper counts the
# revisions of what Get and Txn answered, and of nothing else. The same put in a Txn is counted, and the
# read is refused. A read by Do is neither counted nor checked.
#
# Guess that it breaks: the wrapper "caches response header revisions to detect ordering violations from
# stale responses", and with it in the client's place of KV "calls using 'cli' will reject order
# violations". The answer to a Put has the header too. Whoever writes and then reads is thought to be safer
# than who only reads, and is told that the write is not there; a Txn in the place of the Put heals it.
#
# Seen (what the client did before on the member with the quorum; its read on the one that is cut off):
#   Put, then Get:           old
#   Delete, then Get:        old
#   Do(put), then Get:       old
#   Do(get), then Get:       old
#   Get, then Do(get):       old
#   Get, then Get:           order violation
#   Txn of a put, then Get:  order violation
#   Put, then Txn of a get:  old
#   Txn of a put, then Txn of a get: order violation
#
# Needs Go, and some minutes to build.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/ordering 2>/dev/null
go get go.etcd.io/etcd/client/v3@v3.6.16 go.etcd.io/etcd/server/v3@v3.6.16 >go.log 2>&1 || { cat go.log; exit 1; }
for p in 42961 42962 42963 42964 42965 42966; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/ordering"
	"go.etcd.io/etcd/server/v3/embed"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

const members = 3

// serve starts the members; what it has started is returned with an error too.
func serve() (started []*embed.Etcd, err error) {
	at := func(port int) url.URL { return url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)} }
	var all []string
	for i := range members {
		peer := at(42964 + i)
		all = append(all, fmt.Sprintf("m%d=%s", i, peer.String()))
	}
	for i := range members {
		c := embed.NewConfig()
		c.Name, c.Dir, c.LogLevel = fmt.Sprintf("m%d", i), fmt.Sprintf("data%d", i), "fatal"
		client, peer := []url.URL{at(42961 + i)}, []url.URL{at(42964 + i)}
		c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls, c.AdvertisePeerUrls = client, client, peer, peer
		c.TickMs, c.ElectionMs = 500, 10000 // on a busy machine too the leader stays
		c.InitialCluster = strings.Join(all, ",")
		e, err := embed.StartEtcd(c)
		if err != nil {
			return started, err
		}
		started = append(started, e)
	}
	for _, e := range started {
		select {
		case <-e.Server.ReadyNotify():
		case <-time.After(time.Minute):
			return started, errors.New("a member is not ready")
		}
	}
	return started, nil
}

// behind cuts a member off, or takes it back.
func behind(all []*embed.Etcd, member int, cut bool) {
	off := all[member].Server
	for i, e := range all {
		switch {
		case i == member:
		case cut:
			e.Server.CutPeer(off.MemberID())
			off.CutPeer(e.Server.MemberID())
		default:
			e.Server.MendPeer(off.MemberID())
			off.MendPeer(e.Server.MemberID())
		}
	}
}

func endpoint(member int) string { return fmt.Sprintf("127.0.0.1:%d", 42961+member) }

func connect(member int) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{endpoint(member)}, DialTimeout: 30 * time.Second})
}

var errOrder = errors.New("order violation")

func refuse(clientv3.Op, clientv3.OpResponse, int64) error { return errOrder }

// step is one call of the wrapped KV; a read gives the value that it saw.
type step func(ctx context.Context, kv clientv3.KV, key string) (string, error)

func values(r *clientv3.GetResponse) string {
	if len(r.Kvs) == 0 {
		return "absent"
	}
	return string(r.Kvs[0].Value)
}

func put(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	_, err := kv.Put(ctx, key, "new")
	return "", err
}

func remove(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	_, err := kv.Delete(ctx, key)
	return "", err
}

func doPut(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	_, err := kv.Do(ctx, clientv3.OpPut(key, "new"))
	return "", err
}

func txnPut(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	_, err := kv.Txn(ctx).Then(clientv3.OpPut(key, "new")).Commit()
	return "", err
}

func get(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	r, err := kv.Get(ctx, key, clientv3.WithSerializable())
	if err != nil {
		return "", err
	}
	return values(r), nil
}

func doGet(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	r, err := kv.Do(ctx, clientv3.OpGet(key, clientv3.WithSerializable()))
	if err != nil {
		return "", err
	}
	return values(r.Get()), nil
}

func txnGet(ctx context.Context, kv clientv3.KV, key string) (string, error) {
	r, err := kv.Txn(ctx).Then(clientv3.OpGet(key, clientv3.WithSerializable())).Commit()
	if err != nil {
		return "", err
	}
	return values((*clientv3.GetResponse)(r.Responses[0].GetResponseRange())), nil
}

func run() error {
	all, err := serve()
	defer func() {
		for _, e := range all {
			e.Close()
		}
	}()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	changed := false
	for i, c := range []struct {
		name         string
		before, read step
		want         string
	}{
		{"Put, then Get", put, get, "old"},
		{"Delete, then Get", remove, get, "old"},
		{"Do(put), then Get", doPut, get, "old"},
		{"Do(get), then Get", doGet, get, "old"},
		{"Get, then Do(get)", get, doGet, "old"},
		{"Get, then Get", get, get, errOrder.Error()},
		{"Txn of a put, then Get", txnPut, get, errOrder.Error()},
		{"Put, then Txn of a get", put, txnGet, "old"},
		{"Txn of a put, then Txn of a get", txnPut, txnGet, errOrder.Error()},
	} {
		got, err := one(ctx, all, fmt.Sprintf("key%d", i), c.before, c.read)
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

func one(ctx context.Context, all []*embed.Etcd, key string, before, read step) (string, error) {
	leader := 0
	for i, e := range all {
		if e.Server.MemberID() == all[0].Server.Leader() {
			leader = i
		}
	}
	off := (leader + 1) % members
	plain, err := connect(leader)
	if err != nil {
		return "", err
	}
	defer plain.Close()
	last, err := connect(off)
	if err != nil {
		return "", err
	}
	defer last.Close()
	if _, err := plain.Put(ctx, key, "old"); err != nil {
		return "", err
	}
	if _, err := last.Get(ctx, key); err != nil { // linearizable: this member has it too
		return "", err
	}
	behind(all, off, true)
	defer behind(all, off, false)
	if _, err := plain.Put(ctx, key, "another's"); err != nil {
		return "", err
	}
	client, err := connect(leader)
	if err != nil {
		return "", err
	}
	defer client.Close()
	client.KV = ordering.NewKV(client.KV, refuse)
	if _, err := before(ctx, client.KV, key); err != nil {
		return "", err
	}
	client.SetEndpoints(endpoint(off))
	for { // until the client has left the leader
		r, err := clientv3.NewKV(client).Get(ctx, key, clientv3.WithSerializable())
		if err != nil {
			return "", err
		}
		if r.Header.MemberId == uint64(all[off].Server.MemberID()) {
			break
		}
	}
	got, err := read(ctx, client.KV, key)
	if errors.Is(err, errOrder) {
		return errOrder.Error(), nil
	}
	return got, err
}
GO
go mod tidy >go.log 2>&1 || { cat go.log; exit 1; }
go run . 2>run.log || { tail -20 run.log; exit 1; }
