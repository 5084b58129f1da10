package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestClassify has a row for every error that DynamoDB's documentation lists for
// the calls that are made, and for every way to lose a connection.
func TestClassify(t *testing.T) {
	const fail, info = history.Fail, history.Info
	api := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said so"} }
	for _, c := range []struct {
		name   string
		err    error
		write  history.Outcome
		broken bool
		text   string
	}{
		{"condition false", &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}, fail, false, "ConditionalCheckFailedException: The conditional request failed"},
		{"transaction cancelled", &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")}}}, fail, false, "TransactionCanceledException: None, TransactionConflict"},
		{"transaction conflict", &types.TransactionConflictException{}, fail, false, ""},
		{"transaction in progress", &types.TransactionInProgressException{}, info, false, ""},
		{"idempotent parameter mismatch", &types.IdempotentParameterMismatchException{}, fail, false, ""},
		{"throughput exceeded", &types.ProvisionedThroughputExceededException{}, fail, false, ""},
		{"request limit", &types.RequestLimitExceeded{}, fail, false, ""},
		{"throttled", &types.ThrottlingException{}, fail, false, ""},
		{"collection too large", &types.ItemCollectionSizeLimitExceededException{}, fail, false, ""},
		{"replicated write conflict", &types.ReplicatedWriteConflictException{}, fail, false, ""},
		{"no table", &types.ResourceNotFoundException{}, fail, false, ""},
		{"internal error", &types.InternalServerError{}, info, false, ""},
		{"internal failure", api("InternalFailure"), info, false, "InternalFailure: said so"},
		{"service unavailable", api("ServiceUnavailable"), info, false, ""},
		{"invalid", api("ValidationException"), fail, false, ""},
		{"not understood", api("SerializationException"), fail, false, ""},
		{"access denied", api("AccessDeniedException"), fail, false, ""},
		{"unknown client", api("UnrecognizedClientException"), fail, false, ""},
		{"bad signature", api("InvalidSignatureException"), fail, false, ""},
		{"no token", api("MissingAuthenticationTokenException"), fail, false, ""},
		{"expired token", api("ExpiredTokenException"), fail, false, ""},
		{"unknown code", api("SomethingNew"), info, false, ""},
		{"deadline", context.DeadlineExceeded, info, true, errDeadline.Error()},
		{"cancelled", context.Canceled, info, true, ""},
		{"end of file", io.ErrUnexpectedEOF, info, true, ""},
		{"closed", io.EOF, info, true, errLost.Error()},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, info, true, errLost.Error()},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, info, true, errRefused.Error()},
		{"never made a request", &notSentError{errors.New("no such thing")}, fail, false, "no such thing"},
	} {
		wrapped := fmt.Errorf("operation error DynamoDB, RequestID: 123: %w", c.err)
		if got := classify(true, true, wrapped); got != c.write {
			t.Errorf("%s: a write is %v", c.name, got)
		}
		if got := classify(false, true, wrapped); got != fail {
			t.Errorf("%s: a read is %v", c.name, got)
		}
		if got := classify(true, false, wrapped); got != fail {
			t.Errorf("%s, nothing sent: %v", c.name, got)
		}
		if got := broken(wrapped); got != c.broken {
			t.Errorf("%s: broken is %v", c.name, got)
		}
		if c.text != "" && c.name != "never made a request" {
			if got := explain(wrapped).Error(); got != c.text {
				t.Errorf("%s is told as %q, want %q", c.name, got, c.text)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  targets.Config
		want string
	}{
		"nodes":          {targets.Config{Nodes: 3}, "use one node"},
		"read level":     {targets.Config{ReadLevel: "QUORUM"}, "named here eventual and strong"},
		"write level":    {targets.Config{WriteLevel: "ONE"}, "named here put"},
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

func TestBadEndpoint(t *testing.T) {
	for at, want := range map[string]string{
		"dynamodb":                  "want a URL",
		"https://me:secret@host":    "credentials come from the AWS environment",
		"https://host/path":         "host and port only",
		"https://host?x=y":          "host and port only",
		"http://a:8000,http://b:80": "one endpoint",
	} {
		_, err := Target{}.Attached([]string{at})
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
		target, err := Target{}.Attached([]string{at})
		must(t, err)
		cfg, err := target.Resolve(targets.Config{})
		must(t, err)
		if cfg.Options["region"] != region {
			t.Errorf("%s is in %s", at, cfg.Options["region"])
		}
	}
}
