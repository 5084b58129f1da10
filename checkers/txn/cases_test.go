package txn

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/history/formats"
)

// cases are files of others' formats that were judged wrongly once: what each level
// must say, and the anomalies that must be among those found.
var cases = []struct {
	file      string
	status    map[string]checkers.Status
	anomalies []string
}{
	{
		// It read 6 before the transaction that appended it was begun.
		"19-future-in-own-append.edn",
		map[string]checkers.Status{"read-uncommitted": checkers.Held, "read-committed": checkers.Violated, "strong-read-committed": checkers.Violated},
		[]string{anomaly.Internal, anomaly.G1c},
	},
	{
		// 1 and 3 are another transaction's, 2 stands between.
		"h-01-interleaved-own-read.edn",
		map[string]checkers.Status{"read-uncommitted": checkers.Violated, "strong-read-committed": checkers.Violated},
		[]string{anomaly.Internal, anomaly.G0},
	},
	{
		// A transaction saw its own element first, another one saw it second.
		"h-02-own-read-order.edn",
		map[string]checkers.Status{"read-committed": checkers.Violated, "strict-serializable": checkers.Violated},
		[]string{anomaly.Incompatible},
	},
	{
		// The reader saw what was there before the deletion; by the clock it was too late.
		"17-txn-delete.edn",
		map[string]checkers.Status{"serializable": checkers.Held, "strict-serializable": checkers.Violated},
		nil,
	},
	{
		// The first transaction writes the initial values, and two read one of them and
		// wrote the key.
		"h-06-init-transaction.plume",
		map[string]checkers.Status{"snapshot-isolation": checkers.Violated, "serializable": checkers.Violated},
		[]string{anomaly.LostUpdate},
	},
	{
		// No processes: nothing is known of sessions and of real time.
		"h-09-no-process.edn",
		map[string]checkers.Status{"serializable": checkers.Held, "strong-session-serializable": checkers.Inconclusive, "strict-serializable": checkers.Inconclusive},
		nil,
	},
	{
		// What a completion leaves out of its invocation happened all the same.
		"10-completion-lost-a-write.json",
		map[string]checkers.Status{"strict-serializable": checkers.Held},
		nil,
	},
	{
		// Whether x was read before it was written or after it was deleted: y=1 fits neither.
		"half-of-a-delete.edn",
		map[string]checkers.Status{"read-committed": checkers.Held, "read-atomic": checkers.Violated, "serializable": checkers.Violated},
		[]string{anomaly.NoOrder},
	},
	{
		// The last read misses y=2, whichever write of x=1 it saw.
		"h-05-multi-register-repeated-values.edn",
		map[string]checkers.Status{"serializable": checkers.Held, "strict-serializable": checkers.Violated},
		nil,
	},
}

func TestCases(tt *testing.T) {
	for _, c := range cases {
		tt.Run(c.file, func(tt *testing.T) {
			h, _, err := formats.Read(filepath.Join("testdata", "cases", c.file), formats.Options{})
			if err != nil {
				tt.Fatal(err)
			}
			vs, err := CheckAll(context.Background(), h, checkers.Budget{})
			if err != nil {
				tt.Fatal(err)
			}
			found := map[string]bool{}
			for _, v := range vs {
				for _, x := range v.Violations {
					if x.Model != v.Model {
						tt.Errorf("%s: %s is said to be of the model %q", v.Model, x.Anomaly, x.Model)
					}
					found[x.Anomaly] = true
				}
				if want, ok := c.status[v.Model]; ok && v.Status != want {
					tt.Errorf("%s: %s %v, want %s", v.Model, v.Status, v.Reasons, want)
				}
			}
			for _, a := range c.anomalies {
				if !found[a] {
					tt.Errorf("%s was not found, but %v", a, found)
				}
			}
		})
	}
}
