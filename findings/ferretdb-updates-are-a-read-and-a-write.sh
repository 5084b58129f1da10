#!/usr/bin/env bash
# FerretDB 1.24.0 (Go, embedded, with its SQLite backend) and MongoDB's Go driver 1.17.4, seen 2026-11-30.
#
# FerretDB speaks MongoDB's protocol on SQLite or PostgreSQL. Eight clients each send updateOne with $inc fifty times, all
# of it is acknowledged with ModifiedCount 1, and of 400 increments some fifty are left. An update finds the document,
# changes it in the server's memory and writes the whole of it by its _id, and none of the three is in one transaction
# with the others. So the filter guards nothing either: a free lock that all try to take by an update of
# {holder: null} is given to two and more, and findOneAndUpdate hands one job to several workers. Inserts of one _id
# are as in MongoDB: one is told that it inserted, the others E11000.
#
# Guess that it breaks: an update of one document is atomic in MongoDB, the filter is looked at again when another
# client was first, and $inc and findOneAndUpdate are there for that. That SQLite carries out one writer after the
# other makes one sure of it; and the answer counts the document as matched and modified.
#
# Seen:
#   1 client, 400 increments: 400 acknowledged, all counted
#   8 clients, 400 increments: 400 acknowledged, fewer counted
#   8 clients take a free lock, 50 rounds: of one round several are told that they have it
#   8 clients take 100 jobs by findOneAndUpdate: each is taken, some by several
#   8 clients insert one _id, 50 rounds: of each round one is told that it did
#
# Needs Go 1.24 or later, and some minutes to build.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/FerretDB/FerretDB/ferretdb"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const clients, increments, rounds, jobs = 8, 400, 50, 100

// all runs do once for each of n clients at the same time; the number of those that said yes.
func all(n int, do func(client int) (int, error)) (int, error) {
	var mu sync.Mutex
	var failed error
	yes := 0
	start := make(chan struct{})
	var wg sync.WaitGroup
	for client := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			k, err := do(client)
			mu.Lock()
			defer mu.Unlock()
			yes += k
			failed = errors.Join(failed, err)
		}()
	}
	close(start)
	wg.Wait()
	return yes, failed
}

func count(ctx context.Context, c *mongo.Collection, n int) (string, error) {
	if _, err := c.InsertOne(ctx, bson.M{"_id": n, "n": int64(0)}); err != nil {
		return "", err
	}
	acknowledged, err := all(n, func(int) (int, error) {
		done := 0
		for range increments / n {
			r, err := c.UpdateByID(ctx, n, bson.M{"$inc": bson.M{"n": int64(1)}})
			if err != nil {
				return done, err
			}
			done += int(r.ModifiedCount)
		}
		return done, nil
	})
	if err != nil {
		return "", err
	}
	var now struct{ N int }
	if err := c.FindOne(ctx, bson.M{"_id": n}).Decode(&now); err != nil {
		return "", err
	}
	got := "all"
	if now.N != increments {
		got = "other than all"
	}
	if now.N < increments {
		got = "fewer"
	}
	return fmt.Sprintf("%d acknowledged, %s counted", acknowledged, got), nil
}

func lock(ctx context.Context, c *mongo.Collection) (string, error) {
	most := 0
	for round := range rounds {
		if _, err := c.InsertOne(ctx, bson.M{"_id": round, "holder": nil}); err != nil {
			return "", err
		}
		holders, err := all(clients, func(client int) (int, error) {
			r, err := c.UpdateOne(ctx, bson.M{"_id": round, "holder": nil}, bson.M{"$set": bson.M{"holder": client}})
			if err != nil {
				return 0, err
			}
			return int(r.ModifiedCount), nil
		})
		if err != nil {
			return "", err
		}
		if holders == 0 {
			return "of one round nobody is told that it has it", nil
		}
		most = max(most, holders)
	}
	if most > 1 {
		return "of one round several are told that they have it", nil
	}
	return "of each round one is told that it has it", nil
}

func take(ctx context.Context, c *mongo.Collection) (string, error) {
	for job := range jobs {
		if _, err := c.InsertOne(ctx, bson.M{"_id": job, "state": "new"}); err != nil {
			return "", err
		}
	}
	var mu sync.Mutex
	taken := map[int]int{}
	n, err := all(clients, func(int) (int, error) {
		for k := 0; ; k++ {
			var job struct {
				ID int `bson:"_id"`
			}
			err := c.FindOneAndUpdate(ctx, bson.M{"state": "new"}, bson.M{"$set": bson.M{"state": "taken"}}).Decode(&job)
			if errors.Is(err, mongo.ErrNoDocuments) {
				return k, nil
			}
			if err != nil {
				return k, err
			}
			mu.Lock()
			taken[job.ID]++
			mu.Unlock()
		}
	})
	if err != nil {
		return "", err
	}
	if len(taken) != jobs {
		return fmt.Sprintf("%d of them are taken", len(taken)), nil
	}
	if n > jobs {
		return "each is taken, some by several", nil
	}
	return "each is taken, by one", nil
}

func insert(ctx context.Context, c *mongo.Collection) (string, error) {
	for round := range rounds {
		n, err := all(clients, func(int) (int, error) {
			_, err := c.InsertOne(ctx, bson.M{"_id": round})
			if mongo.IsDuplicateKeyError(err) {
				return 0, nil
			}
			if err != nil {
				return 0, err
			}
			return 1, nil
		})
		if err != nil {
			return "", err
		}
		if n != 1 {
			return fmt.Sprintf("of one round %d are told that they did", n), nil
		}
	}
	return "of each round one is told that it did", nil
}

func run() error {
	ctx, cancel := context.WithCancel(context.Background())
	if err := os.Mkdir("data", 0o700); err != nil {
		return err
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:data/",
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(server.MongoDBURI()))
	if err != nil {
		return err
	}
	db := client.Database("d")
	same := true
	for _, row := range []struct {
		name, want string
		do         func() (string, error)
	}{
		{"1 client, 400 increments", "400 acknowledged, all counted", func() (string, error) { return count(ctx, db.Collection("n"), 1) }},
		{"8 clients, 400 increments", "400 acknowledged, fewer counted", func() (string, error) { return count(ctx, db.Collection("n"), clients) }},
		{"8 clients take a free lock, 50 rounds", "of one round several are told that they have it", func() (string, error) { return lock(ctx, db.Collection("lock")) }},
		{"8 clients take 100 jobs by findOneAndUpdate", "each is taken, some by several", func() (string, error) { return take(ctx, db.Collection("jobs")) }},
		{"8 clients insert one _id, 50 rounds", "of each round one is told that it did", func() (string, error) { return insert(ctx, db.Collection("ids")) }},
	} {
		got, err := row.do()
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		fmt.Printf("%s: %s\n", row.name, got)
		same = same && got == row.want
	}
	if !same {
		return errors.New("changed or broken")
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
GO
cat >go.mod <<'MOD'
module updates

go 1.24

require (
	github.com/FerretDB/FerretDB v1.24.0
	go.mongodb.org/mongo-driver v1.17.4
)
MOD
GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
GOTOOLCHAIN=local go build -o updates . 2>build.log || { cat build.log; exit 1; }
timeout 240 ./updates
