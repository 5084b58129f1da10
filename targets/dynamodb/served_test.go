package dynamodb

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
)

// TestServed: a conflict and a condition that did not hold are no downtime, throttling
// is.
func TestServed(t *testing.T) {
	cancelled := func(codes ...string) error {
		e := &types.TransactionCanceledException{}
		for _, c := range codes {
			e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c)})
		}
		return e
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{cancelled("None", "TransactionConflict"), history.NoteAborted},
		{cancelled("None", "ConditionalCheckFailed"), history.NoteRefused},
		{cancelled("None", "ThrottlingError"), ""},
		{&types.TransactionConflictException{}, history.NoteAborted},
		{&types.ConditionalCheckFailedException{}, history.NoteRefused},
		{&types.ProvisionedThroughputExceededException{}, ""},
	} {
		if got := served(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
