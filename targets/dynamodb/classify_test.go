package dynamodb

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

// TestClassify has a row for every error that DynamoDB's documentation lists for
// the calls that are made, and for every way to lose a connection.
func TestClassify(t *testing.T) {
	const fail, info = history.Fail, history.Info
	api := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said so"} }
	c := outcometest.New(t, errorTable)
	c.Is("condition false", &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}, fail, outcometest.Kept, "ConditionalCheckFailedException: The conditional request failed")
	c.Is("transaction cancelled", &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")}}}, fail, outcometest.Kept, "TransactionCanceledException: None, TransactionConflict")
	c.Is("transaction conflict", &types.TransactionConflictException{}, fail, outcometest.Kept, "")
	c.Is("transaction in progress", &types.TransactionInProgressException{}, info, outcometest.Kept, "")
	c.Is("idempotent parameter mismatch", &types.IdempotentParameterMismatchException{}, fail, outcometest.Kept, "")
	c.Is("throughput exceeded", &types.ProvisionedThroughputExceededException{}, fail, outcometest.Kept, "")
	c.Is("request limit", &types.RequestLimitExceeded{}, fail, outcometest.Kept, "")
	c.Is("throttled", &types.ThrottlingException{}, fail, outcometest.Kept, "")
	c.Is("collection too large", &types.ItemCollectionSizeLimitExceededException{}, fail, outcometest.Kept, "")
	c.Is("replicated write conflict", &types.ReplicatedWriteConflictException{}, fail, outcometest.Kept, "")
	c.Is("no table", &types.ResourceNotFoundException{}, fail, outcometest.Kept, "")
	c.Is("internal error", &types.InternalServerError{}, info, outcometest.Kept, "")
	c.Is("internal failure", api("InternalFailure"), info, outcometest.Kept, "InternalFailure: said so")
	c.Is("service unavailable", api("ServiceUnavailable"), info, outcometest.Kept, "")
	c.Is("invalid", api("ValidationException"), fail, outcometest.Kept, "")
	c.Is("not understood", api("SerializationException"), fail, outcometest.Kept, "")
	c.Is("access denied", api("AccessDeniedException"), fail, outcometest.Kept, "")
	c.Is("unknown client", api("UnrecognizedClientException"), fail, outcometest.Kept, "")
	c.Is("bad signature", api("InvalidSignatureException"), fail, outcometest.Kept, "")
	c.Is("no token", api("MissingAuthenticationTokenException"), fail, outcometest.Kept, "")
	c.Is("expired token", api("ExpiredTokenException"), fail, outcometest.Kept, "")
	c.Is("unknown code", api("SomethingNew"), info, outcometest.Kept, "")
	c.Is("not DynamoDB's", answered(t, strangeAnswers["an HTML 502"].answer), info, outcometest.Broken, "an answer that is not DynamoDB's")
	c.Is("cut off", answered(t, strangeAnswers["a 200 with a cut body"].answer), info, outcometest.Broken, "an answer that cannot be read")
	c.Is("deadline", context.DeadlineExceeded, info, outcometest.Broken, "deadline exceeded")
	c.Is("cancelled", context.Canceled, info, outcometest.Broken, "")
	c.Is("end of file", io.ErrUnexpectedEOF, info, outcometest.Broken, "")
	c.Is("closed", io.EOF, info, outcometest.Broken, "connection closed")
	c.Is("reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, info, outcometest.Broken, "connection reset")
	c.Is("refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, info, outcometest.Broken, "connection refused")
	c.Is("never made a request", outcome.Refuse("no such thing"), fail, outcometest.Kept, "no such thing")
}

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  targets.Config
		want string
	}{
		"nodes":          {targets.Config{Nodes: 3}, "use one node"},
		"read level":     {targets.Config{ReadLevel: "QUORUM"}, "--read-level QUORUM: dynamodb has strong, eventual"},
		"write level":    {targets.Config{WriteLevel: "ONE"}, "--write-level ONE: dynamodb has put"},
		"region":         {targets.Config{Options: map[string]string{"region": "Europe!"}}, "name of a region"},
		"storage":        {targets.Config{Options: map[string]string{"storage": "tape"}}, "must be one of disk, memory"},
		"no such option": {targets.Config{Options: map[string]string{"rf": "3"}}, "no such option"},
	} {
		_, err := Target{}.Resolve(c.cfg)
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: a secret is told: %v", name, err)
		}
	}
	for _, level := range []string{"", strong, eventual} {
		cfg, err := Target{}.Resolve(targets.Config{ReadLevel: level})
		must(t, err)
		if got, want := (Target{}).Promises(cfg, nil)["linearizable"], level != eventual; got != want {
			t.Errorf("at %q linearizable is promised: %v", level, got)
		}
		if cfg.Nodes != 1 || cfg.OpTimeout == 0 {
			t.Errorf("%+v", cfg)
		}
	}
}

// TestPromises: one setting apart, a promise more or less, and what is read at eventual is old
// whatever its type.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		read, storage, model string
		want                 bool
	}{
		{strong, "disk", models.Linearizable, true},
		{strong, "disk", models.NoLostWrites, true},
		{strong, "memory", models.NoLostWrites, false},
		{strong, "memory", models.Set, false},
		{strong, "memory", models.Eventual, false},
		{eventual, "disk", models.NoLostWrites, true},
		{eventual, "disk", models.Eventual, true},
		{eventual, "disk", models.MonotonicReads, false},
		{eventual, "disk", models.WritesFollowReads, false},
		{eventual, "disk", models.List, false},
		{eventual, "disk", models.Counter, false},
	} {
		cfg, err := Target{}.Resolve(targets.Config{ReadLevel: c.read, Options: map[string]string{"storage": c.storage}})
		must(t, err)
		if got, said := (Target{}).Promises(cfg, nil)[c.model]; got != c.want || !said {
			t.Errorf("at %s, in %s: %s is promised: %v (said: %v), want %v", c.read, c.storage, c.model, got, said, c.want)
		}
	}
}

func TestBadEndpoint(t *testing.T) {
	for at, want := range map[string]string{
		"dynamodb":                  "want a URL",
		"https://me:secret@host":    "credentials come from the AWS environment",
		"https://host/path":         "host and port only",
		"https://host?x=y":          "host and port only",
		"http://a:8000,http://b:80": "one endpoint",
	} {
		_, err := Target{}.External([]string{at})
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", at, err)
		}
	}
	for at, region := range map[string]string{
		"https://dynamodb.eu-west-1.amazonaws.com":         "eu-west-1",
		"https://vpce-1.dynamodb.us-gov-west-1.api.aws":    "us-gov-west-1",
		"https://dynamodb.cn-north-1.amazonaws.com.cn:443": "cn-north-1",
		"http://127.0.0.1:8000":                            defaultRegion,
	} {
		t.Setenv("AWS_REGION", "")
		t.Setenv("AWS_DEFAULT_REGION", "")
		target, err := Target{}.External([]string{at})
		must(t, err)
		cfg, err := target.Resolve(targets.Config{})
		must(t, err)
		if cfg.Options["region"] != region {
			t.Errorf("%s is in %s", at, cfg.Options["region"])
		}
	}
}

// TestUnmade: what is there after the statement that makes the run's place has failed. What
// may be there is removed; what is another's is not touched.
func TestUnmade(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&types.ResourceInUseException{}, "taken"},
		{&smithy.GenericAPIError{Code: "AccessDeniedException"}, "refused"},
		{&types.LimitExceededException{}, "refused"},
		{&types.InternalServerError{}, "unknown"},
		{&smithy.GenericAPIError{Code: "ServiceUnavailable"}, "unknown"},
		{io.ErrUnexpectedEOF, "unknown"},
	} {
		got := external.Unmade(taken(c.err), errorTable.Undone(c.err), c.err)
		if taken := errors.Is(got, external.ErrTaken); taken != (c.want == "taken") {
			t.Errorf("%v: taken is %v", c.err, taken)
		}
		if refused := external.IsRefused(got); refused != (c.want != "unknown") {
			t.Errorf("%v: that nothing was made is %v, want %s", c.err, refused, c.want)
		}
	}
}
