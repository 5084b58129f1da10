#!/usr/bin/env bash
# etcd 3.6.16 (Go, clientv3/leasing) with its embedded server, seen 2026-11-30.
#
# A transaction through a leasing KV whose comparisons are of keys that it has read is decided by the
# client where the branch that is taken only reads, or is empty. There an absent key is equal to
# everything: value = "mine", version = 5 and create = 7 are true, and version != 5 and mod < 9 are false.
# A comparison of the lease is always "equal" too, of a key that is there. The server says the opposite to
# each. Of "if version != 5, then put" the put is not made, as the client takes the other branch, which is
# empty; of "if version = 5, then put" it is not made either, as a branch with a put is for the server to
# decide.
#
# Guess that it breaks: the package "serves linearizable reads from a local cache"; what the cache answers
# is what the server would have answered. Whoever asks "am I still the owner?" in such a transaction
# (value = my name, lease = my lease) is told yes once the key is gone.
#
# Seen (whether the first branch is taken: by the client itself; leasing, a get in the branch; leasing, a put in it):
#   value(absent) = mine, version(absent) = 5, create(absent) = 7, lease(there) = 77: false true false
#   version(absent) != 5, mod(absent) < 9, lease(there) != 77: true false false
#   value(there) = x:   true true true
#   value(there) = y:   false false false
#   version(absent) = 0: true true true
#
# Needs Go, and some minutes to build.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init example.test/leasing 2>/dev/null
go get go.etcd.io/etcd/client/v3@v3.6.16 go.etcd.io/etcd/server/v3@v3.6.16 >go.log 2>&1 || { cat go.log; exit 1; }
for p in 42981 42982; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/server/v3/embed"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func serve() (*embed.Etcd, error) {
	c := embed.NewConfig()
	c.Dir, c.LogLevel = "data", "fatal"
	client, peer := url.URL{Scheme: "http", Host: "127.0.0.1:42981"}, url.URL{Scheme: "http", Host: "127.0.0.1:42982"}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case <-time.After(time.Minute):
		e.Close()
		return nil, errors.New("the server is not ready")
	}
}

func run() error {
	e, err := serve()
	if err != nil {
		return err
	}
	defer e.Close()
	plain, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:42981"}, DialTimeout: 30 * time.Second})
	if err != nil {
		return err
	}
	defer plain.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	leased, done, err := leasing.NewKV(plain, "leases/")
	if err != nil {
		return err
	}
	defer done()
	if _, err := plain.Put(ctx, "there", "x"); err != nil {
		return err
	}
	for _, k := range []string{"absent", "there"} {
		if _, err := leased.Get(ctx, k); err != nil {
			return err
		}
	}
	compare := clientv3.Compare
	changed := false
	for _, c := range []struct {
		name      string
		condition clientv3.Cmp
		want      string
	}{
		{"value(absent) = mine", compare(clientv3.Value("absent"), "=", "mine"), "false true false"},
		{"version(absent) = 5", compare(clientv3.Version("absent"), "=", 5), "false true false"},
		{"create(absent) = 7", compare(clientv3.CreateRevision("absent"), "=", 7), "false true false"},
		{"lease(there) = 77", compare(clientv3.LeaseValue("there"), "=", 77), "false true false"},
		{"version(absent) != 5", compare(clientv3.Version("absent"), "!=", 5), "true false false"},
		{"mod(absent) < 9", compare(clientv3.ModRevision("absent"), "<", 9), "true false false"},
		{"lease(there) != 77", compare(clientv3.LeaseValue("there"), "!=", 77), "true false false"},
		{"value(there) = x", compare(clientv3.Value("there"), "=", "x"), "true true true"},
		{"value(there) = y", compare(clientv3.Value("there"), "=", "y"), "false false false"},
		{"version(absent) = 0", compare(clientv3.Version("absent"), "=", 0), "true true true"},
	} {
		get, put := clientv3.OpGet("there"), clientv3.OpPut("other", "z")
		var got string
		for i, txn := range []clientv3.Txn{
			plain.Txn(ctx).If(c.condition).Then(get),
			leased.Txn(ctx).If(c.condition).Then(get),
			leased.Txn(ctx).If(c.condition).Then(put),
		} {
			r, err := txn.Commit()
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if i > 0 {
				got += " "
			}
			got += fmt.Sprint(r.Succeeded)
		}
		fmt.Printf("%s: %s\n", c.name, got)
		changed = changed || got != c.want
	}
	if changed {
		return errors.New("other answers")
	}
	return nil
}
GO
go mod tidy >go.log 2>&1 || { cat go.log; exit 1; }
go run . 2>run.log || { tail -20 run.log; exit 1; }
