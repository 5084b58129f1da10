// Package targettest starts databases for the tests of their targets.
package targettest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Must ends the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Deploy starts target with cfg on nodes of p and returns them with the resolved
// configuration; all of it ends with the test. What the nodes wrote last into the file
// logName of their logs is told if the target does not start, and if the test fails.
func Deploy(ctx context.Context, t testing.TB, target targets.Target, p cluster.Provider, cfg targets.Config, logName string) (cluster.Cluster, targets.System, targets.Config) {
	t.Helper()
	cfg.Run = "t1"
	cfg, err := target.Resolve(cfg)
	Must(t, err)
	spec := target.Spec(cfg)
	spec.LogDir = t.TempDir()
	Must(t, p.Available(ctx, spec))
	c, err := p.Open(ctx, spec)
	Must(t, err)
	t.Cleanup(func() { Must(t, c.Close(context.WithoutCancel(ctx))) })
	sys, err := target.Start(ctx, c, cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, logs(c, logName))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(logs(c, logName))
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		Must(t, sys.Stop(ctx))
	})
	return c, sys, cfg
}

// stopTimeout bounds how long a database may take to stop.
const stopTimeout = 30 * time.Second

// logs is the end of every node's log.
func logs(c cluster.Cluster, name string) string {
	all := ""
	for _, n := range c.Nodes() {
		text, _ := os.ReadFile(filepath.Join(n.LogDir(), name))
		all += fmt.Sprintf("--- %s\n%s\n", n.Name(), text[max(0, len(text)-3000):])
	}
	return all
}

// Do has c carry out mops as one transaction within limit, asked at node; txn is emptied
// before and holds what was seen.
func Do(ctx context.Context, limit time.Duration, c targets.Client, node int, txn *history.Txn, mops ...history.Mop) targets.Result {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	txn.Reset()
	txn.Mops = append(txn.Mops, mops...)
	return c.Do(ctx, node, txn)
}

// Read is a read of k.
func Read(k history.Key) history.Mop { return history.Mop{Func: history.Read, Key: k} }

// Write is a write of v to k.
func Write(k history.Key, v history.Value) history.Mop {
	return history.Mop{Func: history.Write, Key: k, Arg: v}
}

// CAS writes v to k if it holds expect.
func CAS(k history.Key, expect, v history.Value) history.Mop {
	return history.Mop{Func: history.CAS, Key: k, Expect: expect, Arg: v}
}
