#!/usr/bin/env bash
# miniredis 2.40.0 (Go, the stand-in of Redis for tests), beside Redis 7.0.15; seen 2026-11-29.
#
# Two workers take the first of two tasks out of a sorted set: WATCH, ZRANGE 0 0, then MULTI with
# ZREM and RPUSH of the task to the list of what runs, EXEC. Against Redis the second EXEC is
# answered with nil, the task runs once. Against miniredis both are carried out and the task runs
# twice. A change by ZREM, ZPOPMIN, ZREMRANGEBYRANK, HDEL, XTRIM, FLUSHALL and FLUSHDB does not
# touch a watched key there; one by ZADD, HSET, SREM, LREM, XDEL or DEL does, and so does a ZREM
# of the last member, since with it the key goes. The other way round, an SADD of a member that is
# there already, which changes nothing, aborts.
#
# Guess that it breaks: a key is watched, not a command; SREM and LREM, which are the same for
# other types, are seen. A queue or lease that is right with Redis shows a task done twice in its
# test, and one whose WATCH was forgotten shows the same.
#
# Seen (what EXEC said after another client's change of the watched key):
#   two workers, a task each from {a, b}: Redis: runs [a]; miniredis: runs [a a]
#   aborted by both: ZADD, HSET, SREM, LREM, XDEL, DEL, ZREM of the last member
#   aborted by Redis, carried out by miniredis: ZREM, ZPOPMIN, ZREMRANGEBYRANK, HDEL, XTRIM,
#     FLUSHALL, FLUSHDB
#   carried out by Redis, aborted by miniredis: SADD of a member that is there
#
# Needs Go and apt-get (the package is only downloaded, nothing is installed).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
port=42721
for p in $port; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port $port --bind 127.0.0.1 --dir "$dir" --save '' >log 2>&1 &
server=$!
go mod init example.test/watch 2>/dev/null
go get github.com/alicebob/miniredis/v2@v2.40.0 github.com/redis/go-redis/v9@v9.23.0 >get.log 2>&1 || { cat get.log; exit 1; }
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

// changes are what another client does to the key k between WATCH and EXEC: with what the key was made,
// the change, and whether Redis and miniredis abort.
var changes = []struct {
	made, change  string
	redis, stands bool
}{
	{"ZADD k 1 a 2 b", "ZADD k 3 c", true, true},
	{"ZADD k 1 a 2 b", "ZREM k a", true, false},
	{"ZADD k 1 a 2 b", "ZPOPMIN k", true, false},
	{"ZADD k 1 a 2 b", "ZREMRANGEBYRANK k 0 0", true, false},
	{"ZADD k 1 a", "ZREM k a", true, true},
	{"HSET k f 1 g 2", "HSET k f 2", true, true},
	{"HSET k f 1 g 2", "HDEL k f", true, false},
	{"SADD k a b", "SREM k a", true, true},
	{"SADD k a b", "SADD k a", false, true},
	{"RPUSH k a b", "LREM k 0 a", true, true},
	{"XADD k 1-1 f v", "XDEL k 1-1", true, true},
	{"XADD k 1-1 f v", "XTRIM k MAXLEN 0", true, false},
	{"SET k v", "DEL k", true, true},
	{"SET k v", "FLUSHALL", true, false},
	{"SET k v", "FLUSHDB", true, false},
}

func do(c *redis.Client, line string) error {
	var args []any
	for _, w := range strings.Fields(line) {
		args = append(args, w)
	}
	return c.Do(ctx, args...).Err()
}

// aborts says whether a transaction that watches k is aborted after another client's change.
func aborts(c *redis.Client, made, change string) (bool, error) {
	if err := errors.Join(do(c, "FLUSHALL"), do(c, made)); err != nil {
		return false, err
	}
	err := c.Watch(ctx, func(tx *redis.Tx) error {
		if err := do(c, change); err != nil { // on another connection
			return err
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "out", 1, 0); return nil })
		return err
	}, "k")
	if errors.Is(err, redis.TxFailedErr) {
		return true, nil
	}
	return false, err
}

// take moves the first task to the list of what runs; before is called when the task is known.
func take(c *redis.Client, before func() error) error {
	err := c.Watch(ctx, func(tx *redis.Tx) error {
		first, err := tx.ZRange(ctx, "tasks", 0, 0).Result()
		if err != nil || len(first) == 0 {
			return err
		}
		if err := before(); err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.ZRem(ctx, "tasks", first[0])
			p.RPush(ctx, "running", first[0])
			return nil
		})
		return err
	}, "tasks")
	if errors.Is(err, redis.TxFailedErr) {
		return nil // somebody else was first
	}
	return err
}

func running(c *redis.Client) (string, error) {
	if err := errors.Join(do(c, "FLUSHALL"), do(c, "ZADD tasks 1 a 2 b")); err != nil {
		return "", err
	}
	err := take(c, func() error { return take(c, func() error { return nil }) })
	if err != nil {
		return "", err
	}
	l, err := c.LRange(ctx, "running", 0, -1).Result()
	return fmt.Sprint(l), err
}

func run(port string) error {
	real := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	defer real.Close()
	for i := 0; real.Ping(ctx).Err() != nil; i++ {
		if i == 100 {
			return errors.New("Redis does not answer")
		}
		time.Sleep(100 * time.Millisecond)
	}
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		return err
	}
	defer mini.Close()
	stand := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	defer stand.Close()

	one, e1 := running(real)
	two, e2 := running(stand)
	if err := errors.Join(e1, e2); err != nil {
		return err
	}
	fmt.Printf("two workers, the first task of {a, b}: Redis: runs %s; miniredis: runs %s\n", one, two)
	if one != "[a]" || two != "[a a]" {
		return errors.New("two workers")
	}
	said := map[bool]string{true: "aborted", false: "carried out"}
	for _, c := range changes {
		r, e1 := aborts(real, c.made, c.change)
		s, e2 := aborts(stand, c.made, c.change)
		if err := errors.Join(e1, e2); err != nil {
			return fmt.Errorf("%s: %w", c.change, err)
		}
		fmt.Printf("%-16s %-22s Redis: %-12s miniredis: %s\n", c.made, c.change, said[r], said[s])
		if r != c.redis || s != c.stands {
			return errors.New(c.change)
		}
	}
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}
GO
go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . $port
