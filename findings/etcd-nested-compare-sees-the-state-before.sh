#!/usr/bin/env bash
# etcd 3.6.16 (the same in Debian's 3.4.23), seen 2026-11-28.
#
# One transaction: put k=new; get k; a nested transaction "if k = new then get k, else
# get k". The get sees "new". The nested comparison is false, so that the else branch is
# taken, and its get of the same key says "new". All comparisons, however deep, are
# decided before the first operation; the operations see each other.
#
# Guess that it breaks: operations of a transaction are carried out in their order and
# see the ones before them, as the get does; a comparison inside a branch is part of that
# branch. "Put, then if it is there ..." never takes its first branch, and the answer
# contradicts itself: k != new, k is new. A model that carries nested transactions out
# step by step finds a violation that is none.
#
# Seen:
#   get after the put: new
#   nested if k = new: false; its else branch reads k: new
#   nested if k = old: true; its then branch reads k: new
#
# Needs Go. Builds the pinned server in a temporary folder (about a minute).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT

mkdir "$dir/build" && cd "$dir/build"
go mod init example.test/etcd 2>/dev/null
go get -tool go.etcd.io/etcd/server/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
go build -o "$dir/etcd" go.etcd.io/etcd/server/v3
cd "$dir"
client=http://127.0.0.1:42379 peer=http://127.0.0.1:42380
for p in 42379 42380; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
./etcd --data-dir data --listen-client-urls $client --advertise-client-urls $client \
  --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer >log 2>&1 &
server=$!
./etcd --version | sed -n 1p

mkdir client && cd client
go mod init example.test/client 2>/dev/null
go get go.etcd.io/etcd/client/v3@v3.6.16 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	etcd "go.etcd.io/etcd/client/v3"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := etcd.New(etcd.Config{Endpoints: []string{"127.0.0.1:42379"}})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if _, err = c.Get(ctx, "ready"); err == nil || ctx.Err() != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	get := etcd.OpGet("k")
	// nested puts k=new and compares k with a value in a nested transaction.
	nested := func(value string) (plain string, succeeded bool, inside string, err error) {
		if _, err = c.Put(ctx, "k", "old"); err != nil {
			return
		}
		r, err := c.Txn(ctx).Then(
			etcd.OpPut("k", "new"),
			get,
			etcd.OpTxn([]etcd.Cmp{etcd.Compare(etcd.Value("k"), "=", value)}, []etcd.Op{get}, []etcd.Op{get}),
		).Commit()
		if err != nil {
			return
		}
		in := r.Responses[2].GetResponseTxn()
		return string(r.Responses[1].GetResponseRange().Kvs[0].Value), in.Succeeded, string(in.Responses[0].GetResponseRange().Kvs[0].Value), nil
	}
	plain, isNew, inside, err := nested("new")
	if err != nil {
		return err
	}
	fmt.Printf("get after the put: %s\nnested if k = new: %v; the branch reads k: %s\n", plain, isNew, inside)
	_, isOld, insideOld, err := nested("old")
	if err != nil {
		return err
	}
	fmt.Printf("nested if k = old: %v; the branch reads k: %s\n", isOld, insideOld)
	if plain != "new" || isNew || !isOld || inside != "new" || insideOld != "new" {
		return errors.New("not as seen")
	}
	return nil
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run .
