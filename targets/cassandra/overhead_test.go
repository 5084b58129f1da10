package cassandra

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/baseline"
	"github.com/lapse-test/lapse/targets/cluster"
)

// BenchmarkOverhead compares a session with a bare loop over gocql, as its
// documentation has it, with one connection to the same node.
func BenchmarkOverhead(b *testing.B) {
	d := deploy(b, targets.Config{Nodes: 1})
	addr, err := d.Cluster.Route(cluster.Clients, "n1", nativePort)
	must(b, err)
	host, _, err := net.SplitHostPort(addr)
	must(b, err)
	cfg := gocql.NewCluster(host)
	cfg.NumConns, cfg.Consistency, cfg.SerialConsistency = 1, gocql.One, gocql.Serial
	cfg.Logger = driverLog{d.Logger}
	// Without this a bare loop takes four times as long: gocql waits for more
	// requests to send together.
	cfg.WriteCoalesceWaitTime = 0
	bare, err := cfg.CreateSession()
	must(b, err)
	defer bare.Close()
	ours := func(s *session, m history.Mop) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(d.ctx, 2*time.Second)
			defer cancel()
			s.txn.Reset()
			s.txn.Mops = append(s.txn.Mops, m)
			if res := s.c.Do(ctx, 0, &s.txn); res.Outcome != history.OK {
				return fmt.Errorf("%v: %w", res.Outcome, res.Err)
			}
			return nil
		}
	}
	plain, serial := d.at(b, 0, "ONE", "ONE"), d.at(b, 0, "SERIAL", "SERIAL")
	key := history.Key(1).String()
	b.Run("read", func(b *testing.B) {
		baseline.Compare(b, func() error {
			var v, stamp *int64
			err := bare.Query("SELECT v, WRITETIME(v) FROM lapse.data WHERE k = ?", key).Scan(&v, &stamp)
			if errors.Is(err, gocql.ErrNotFound) {
				return nil
			}
			return err
		}, ours(plain, history.Mop{Func: history.Read, Key: 1}))
	})
	b.Run("write", func(b *testing.B) {
		baseline.Compare(b, func() error {
			return bare.Query("UPDATE lapse.data SET v = ? WHERE k = ?", int64(1), key).Exec()
		}, ours(plain, write(1, 1)))
	})
	b.Run("compare-and-set", func(b *testing.B) {
		must(b, bare.Query("UPDATE lapse.data SET v = 1 WHERE k = ?", "k2").Exec())
		baseline.Compare(b, func() error {
			var was int64
			_, err := bare.Query("UPDATE lapse.data SET v = ? WHERE k = ? IF v = ?", int64(1), "k2", int64(1)).Consistency(gocql.Quorum).ScanCAS(&was)
			return err
		}, ours(serial, cas(2, 1, 1)))
	})
}
