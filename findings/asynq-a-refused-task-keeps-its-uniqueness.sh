#!/usr/bin/env bash
# Asynq v0.26.0 (Go), with miniredis v2.40.0 in place of Redis, seen 2026-11-30.
#
# A task is enqueued with an ID and Unique for an hour, and is refused, since another task has that ID. It is in no queue, but for
# the hour it is in the way of its own kind: the same type and payload under a free ID is refused as a duplicate of a task that
# does not exist. When the task in the way is processed or deleted nothing changes, and there is no task that could be
# deleted to end it. Without Unique, or in the other order (refused as a duplicate first), nothing is left behind.
#
# A unique task that waits in a group, and is deleted there by the Inspector, leaves its uniqueness behind too; in
# a queue it takes it along.
#
# Guess that it breaks: ErrTaskIDConflict says that nothing was enqueued, and is the answer after which one takes another ID;
# ErrDuplicateTask is documented to mean that there is such a task already, and is mostly taken as: all is well, it is on its way.
# The mail, or payment, is then never sent.
#
# Seen (what Enqueue says of payload "b" each time; what is pending at the end):
#   ID 1 of "a" taken; b as ID 1, b as ID 2:             task ID conflict, duplicate; pending: a
#   the same, a deleted between the two:                 task ID conflict, duplicate; pending: nothing
#   the same, the first b without Unique:                task ID conflict, enqueued; pending: a b
#   b taken as ID 2; b as ID 1, b deleted, b as ID 2:    duplicate, enqueued; pending: a b
#   b in a group, deleted; b as ID 2 in the group:       duplicate; pending: nothing
#   b in the queue, deleted; b as ID 2:                  enqueued; pending: b
#
# Needs Go 1.24 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.test/unique

go 1.24.0

require (
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/hibiken/asynq v0.26.0
)
MOD
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
)

const queue = "default"

var same = true

func must(err error) {
	if err != nil {
		fmt.Println("changed or broken:", err)
		os.Exit(1)
	}
}

// broker is one Redis with one client and one inspector.
type broker struct {
	client    *asynq.Client
	inspector *asynq.Inspector
}

func (b broker) enqueue(payload, id string, opts ...asynq.Option) string {
	_, err := b.client.Enqueue(asynq.NewTask("mail", []byte(payload)), append(opts, asynq.TaskID(id))...)
	switch {
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return "task ID conflict"
	case errors.Is(err, asynq.ErrDuplicateTask):
		return "duplicate"
	}
	must(err)
	return "enqueued"
}

func (b broker) add(payload, id string, opts ...asynq.Option) {
	if got := b.enqueue(payload, id, opts...); got != "enqueued" {
		must(fmt.Errorf("%s as %s: %s", payload, id, got))
	}
}

func (b broker) remove(id string) { must(b.inspector.DeleteTask(queue, id)) }

func (b broker) pending() string {
	tasks, err := b.inspector.ListPendingTasks(queue)
	must(err)
	var all []string
	for _, t := range tasks {
		all = append(all, string(t.Payload))
	}
	if len(all) == 0 {
		return "nothing"
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func row(name, want string, steps func(broker) []string) {
	server, err := miniredis.Run()
	must(err)
	defer server.Close()
	opt := asynq.RedisClientOpt{Addr: server.Addr()}
	b := broker{asynq.NewClient(opt), asynq.NewInspector(opt)}
	defer b.client.Close()
	defer b.inspector.Close()
	got := strings.Join(steps(b), ", ") + "; pending: " + b.pending()
	fmt.Printf("%s: %s\n", name, got)
	same = same && got == want
}

func main() {
	unique := asynq.Unique(time.Hour)
	row(`ID 1 of "a" taken; b as ID 1, b as ID 2`, "task ID conflict, duplicate; pending: a", func(b broker) []string {
		b.add("a", "1", unique)
		return []string{b.enqueue("b", "1", unique), b.enqueue("b", "2", unique)}
	})
	row("the same, a deleted between the two", "task ID conflict, duplicate; pending: nothing", func(b broker) []string {
		b.add("a", "1", unique)
		first := b.enqueue("b", "1", unique)
		b.remove("1")
		return []string{first, b.enqueue("b", "2", unique)}
	})
	row("the same, the first b without Unique", "task ID conflict, enqueued; pending: a b", func(b broker) []string {
		b.add("a", "1", unique)
		return []string{b.enqueue("b", "1"), b.enqueue("b", "2", unique)}
	})
	row("b taken as ID 2; b as ID 1, b deleted, b as ID 2", "duplicate, enqueued; pending: a b", func(b broker) []string {
		b.add("a", "1", unique)
		b.add("b", "2", unique)
		first := b.enqueue("b", "1", unique)
		b.remove("2")
		return []string{first, b.enqueue("b", "2", unique)}
	})
	row("b in a group, deleted; b as ID 2 in the group", "duplicate; pending: nothing", func(b broker) []string {
		b.add("b", "1", unique, asynq.Group("digest"))
		b.remove("1")
		return []string{b.enqueue("b", "2", unique, asynq.Group("digest"))}
	})
	row("b in the queue, deleted; b as ID 2", "enqueued; pending: b", func(b broker) []string {
		b.add("b", "1", unique)
		b.remove("1")
		return []string{b.enqueue("b", "2", unique)}
	})
	if !same {
		fmt.Println("changed or broken")
		os.Exit(1)
	}
}
GO
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
timeout 200 go run .
