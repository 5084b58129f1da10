package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// benchmark gives f a session at the given levels of a cluster of three.
func benchmark(b *testing.B, read, write string, mops ...history.Mop) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, sys := start(b, ctx, sandbox.Provider{}, targets.Config{ReadLevel: read, WriteLevel: write, Options: map[string]string{"sync": "any:1"}})
	c, err := sys.Open(ctx, targets.Session{ID: 1})
	must(b, err)
	defer c.Close()
	var txn history.Txn
	b.ReportAllocs()
	for b.Loop() {
		txn.Reset()
		txn.Mops = append(txn.Mops, mops...)
		if res := c.Do(ctx, 1, &txn); res.Outcome != history.OK {
			b.Fatal(res.Outcome, res.Err)
		}
	}
}

// One operation after the other, by one session.
func BenchmarkReadPrimary(b *testing.B) { benchmark(b, readPrimary, writeOn, read(1)) }
func BenchmarkReadReplica(b *testing.B) { benchmark(b, readReplica, writeOn, read(1)) }
func BenchmarkWriteOff(b *testing.B)    { benchmark(b, readPrimary, writeOff, write(1, 1)) }
func BenchmarkWriteLocal(b *testing.B)  { benchmark(b, readPrimary, writeLocal, write(1, 1)) }
func BenchmarkWriteOn(b *testing.B)     { benchmark(b, readPrimary, writeOn, write(1, 1)) }
func BenchmarkWriteRemoteApply(b *testing.B) {
	benchmark(b, readPrimary, writeRemoteApply, write(1, 1))
}
func BenchmarkWriteWaitForLSN(b *testing.B) { benchmark(b, readWaitForLSN, writeLocal, write(1, 1)) }

// BenchmarkStart is three nodes from nothing to a write at remote_apply that
// every standby has shown, and their end.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		c, sys := start(b, ctx, sandbox.Provider{}, targets.Config{WriteLevel: writeRemoteApply, Options: map[string]string{"sync": "any:2"}})
		must(b, sys.Stop(ctx))
		must(b, c.Close(ctx))
		cancel()
	}
}
