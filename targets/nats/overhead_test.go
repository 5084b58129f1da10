package nats

import (
	"context"
	"fmt"
	"testing"
	"time"

	driver "github.com/nats-io/nats.go"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/baseline"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/targettest"
)

// BenchmarkOverhead compares a session with a bare loop over the key-value buckets of
// nats.go, as its documentation has it.
func BenchmarkOverhead(b *testing.B) {
	const opTimeout = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, sys, _ := targettest.Deploy(ctx, b, Target{}, sandbox.Provider{}, targets.Config{Nodes: 1, Cache: Built(), OpTimeout: opTimeout}, logName)
	s := sys.(*System)
	c, err := s.Open(ctx, targets.Session{ID: 1, Text: func(string) history.Value { return history.TextValue(0) }})
	targettest.Must(b, err)
	defer func() { _ = c.Close() }() // what it was asked is answered
	var txn history.Txn
	ours := func(m history.Mop) func() error {
		return func() error {
			if res := targettest.Do(ctx, opTimeout, c, 0, &txn, m); res.Outcome != history.OK {
				return fmt.Errorf("%v: %w", res.Outcome, res.Err)
			}
			return nil
		}
	}
	targettest.Must(b, ours(targettest.Write(1, 1))())
	conn, err := driver.Connect("nats://"+s.store.nodes[0].Addr, driver.NoReconnect())
	targettest.Must(b, err)
	defer conn.Close()
	js, err := conn.JetStream(driver.MaxWait(opTimeout))
	targettest.Must(b, err)
	bare, err := js.KeyValue(string(s.bucket))
	targettest.Must(b, err)
	key := string(contents.Value) + "." + history.Key(1).String()
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, func() error { _, err := bare.Get(key); return err }, ours(targettest.Read(1)))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, func() error { _, err := bare.Put(key, []byte("1")); return err }, ours(targettest.Write(1, 1)))
	})
}
