//go:build acceptance

package cassandra_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// TestAcceptance is `make acceptance`: five runs of a minute for each claim, each
// with its own seed and its own cluster. What is promised is never refuted, and what
// is not is refuted every time. It takes 45 minutes.
func TestAcceptance(t *testing.T) {
	const minute = time.Minute
	centres := map[string]string{"dcs": "2"}
	for _, c := range []claim{
		{write: "ONE", read: "ONE", workload: "session", faults: "partition", model: "read-your-writes", want: checkers.Violated, duration: minute},
		{write: "QUORUM", read: "QUORUM", workload: "session", faults: "partition,kill", model: "read-your-writes", want: checkers.Held, duration: minute},
		{write: "SERIAL", read: "SERIAL", workload: "register", faults: "partition,kill,pause", model: "linearizable", want: checkers.Held, duration: minute},
		{nodes: 4, options: centres, write: "LOCAL_QUORUM", read: "LOCAL_QUORUM", workload: "session", faults: "partition-centres", model: "read-your-writes", want: checkers.Violated, duration: minute},
		{nodes: 4, options: centres, write: "EACH_QUORUM", read: "LOCAL_QUORUM", workload: "session", faults: "partition-centres", model: "read-your-writes", want: checkers.Held, duration: minute},
	} {
		t.Run(c.String(), func(t *testing.T) {
			for seed := range uint64(5) {
				expect(t, c, seed+1, sandbox.Provider{})
			}
		})
	}
}
