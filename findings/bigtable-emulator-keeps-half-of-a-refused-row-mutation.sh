#!/usr/bin/env bash
# The Bigtable stand-in for tests in cloud.google.com/go/bigtable 1.58.0 (Go, package bttest, also the program cbtemulator),
# seen 2026-11-30.
#
# A mutation of one row takes 10 from one column and adds 10 to another, and the second column is in a family that
# the table does not have. It is refused with an error, and the 10 are gone: what stood before the bad part stays. A
# mutation that deletes the row and then writes it anew leaves it deleted. So it is one by one, in bulk, behind a
# condition, and with ReadModifyWrite, whose two increments are one operation. With the bad part first nothing changes.
#
# Guess that it breaks: that changes of one row are atomic, however many columns, is the one transaction that Bigtable
# has, and what programs that are tested with this server build on. One thinks that a call that has returned an
# error has done nothing, and the program may send it again once the family is there.
#
# Seen (what a mutation that was refused has left of a = 100 and b = 0, in the families f and, for the bad part, g):
#   Apply, a = 90, then the bad part:           error, a 90 b 0
#   Apply, the bad part, then a = 90:           error, a 100 b 0
#   Apply, delete the row, then the bad part:   error, no row
#   ApplyBulk, a = 90, then the bad part:       error, a 90 b 0
#   Apply on a condition, a = 90, then the bad: error, a 90 b 0
#   ReadModifyWrite, a - 10, then the bad part: error, a 90 b 0
#   Apply, a = 90 and b = 10:                   done, a 90 b 10
#
# Needs Go 1.26 or later.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"cloud.google.com/go/bigtable"
	"cloud.google.com/go/bigtable/bttest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const row, family, bad, at = "account", "f", "g", bigtable.Timestamp(1000)

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// mutation makes one of parts, in their order.
func mutation(parts ...func(*bigtable.Mutation)) *bigtable.Mutation {
	m := bigtable.NewMutation()
	for _, part := range parts {
		part(m)
	}
	return m
}

func set(family, column string, n int64) func(*bigtable.Mutation) {
	return func(m *bigtable.Mutation) { m.Set(family, column, at, number(n)) }
}

func deleteRow(m *bigtable.Mutation) { m.DeleteRow() }

// left says what is in the row: the newest value of each column.
func left(ctx context.Context, t *bigtable.Table) string {
	r, err := t.ReadRow(ctx, row, bigtable.RowFilter(bigtable.LatestNFilter(1)))
	if err != nil {
		return err.Error()
	}
	if len(r) == 0 {
		return "no row"
	}
	value := map[string]int64{}
	for _, item := range r[family] {
		value[item.Column] = int64(binary.BigEndian.Uint64(item.Value))
	}
	return fmt.Sprintf("a %d b %d", value["f:a"], value["f:b"])
}

func run(ctx context.Context) error {
	server, err := bttest.NewServer("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	conn, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	admin, err := bigtable.NewAdminClient(ctx, "project", "instance", option.WithGRPCConn(conn))
	if err != nil {
		return err
	}
	if err := admin.CreateTable(ctx, "accounts"); err != nil {
		return err
	}
	if err := admin.CreateColumnFamily(ctx, "accounts", family); err != nil {
		return err
	}
	client, err := bigtable.NewClientWithConfig(ctx, "project", "instance",
		bigtable.ClientConfig{MetricsProvider: bigtable.NoopMetricsProvider{}}, option.WithGRPCConn(conn))
	if err != nil {
		return err
	}
	t := client.Open("accounts")
	less, more := set(family, "a", 90), set(bad, "b", 10)
	same := true
	for _, c := range []struct {
		name, want string
		do         func() error
	}{
		{"Apply, a = 90, then the bad part", "error, a 90 b 0", func() error { return t.Apply(ctx, row, mutation(less, more)) }},
		{"Apply, the bad part, then a = 90", "error, a 100 b 0", func() error { return t.Apply(ctx, row, mutation(more, less)) }},
		{"Apply, delete the row, then the bad part", "error, no row", func() error { return t.Apply(ctx, row, mutation(deleteRow, more)) }},
		{"ApplyBulk, a = 90, then the bad part", "error, a 90 b 0", func() error {
			errs, err := t.ApplyBulk(ctx, []string{row}, []*bigtable.Mutation{mutation(less, more)})
			if err == nil && len(errs) == 1 {
				err = errs[0]
			}
			return err
		}},
		{"Apply on a condition, a = 90, then the bad", "error, a 90 b 0", func() error {
			return t.Apply(ctx, row, bigtable.NewCondMutation(bigtable.ColumnFilter("a"), mutation(less, more), nil))
		}},
		{"ReadModifyWrite, a - 10, then the bad part", "error, a 90 b 0", func() error {
			m := bigtable.NewReadModifyWrite()
			m.Increment(family, "a", -10)
			m.Increment(bad, "b", 10)
			_, err := t.ApplyReadModifyWrite(ctx, row, m)
			return err
		}},
		{"Apply, a = 90 and b = 10", "done, a 90 b 10", func() error { return t.Apply(ctx, row, mutation(less, set(family, "b", 10))) }},
	} {
		if err := t.Apply(ctx, row, mutation(deleteRow, set(family, "a", 100), set(family, "b", 0))); err != nil {
			return err
		}
		end := "done"
		if c.do() != nil {
			end = "error"
		}
		got := end + ", " + left(ctx, t)
		fmt.Printf("%s: %s\n", c.name, got)
		same = same && got == c.want
	}
	if !same {
		return fmt.Errorf("changed or broken")
	}
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
GO
cat >go.mod <<'MOD'
module half

go 1.26

require cloud.google.com/go/bigtable v1.58.0
MOD
GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod tidy >tidy.log 2>&1 || { cat tidy.log; exit 1; }
GOTOOLCHAIN=local go build -o half . 2>build.log || { cat build.log; exit 1; }
timeout 120 ./half
