package dynamodb

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/lapse-test/lapse/history"
)

// notSentError is about an operation that was never made a request.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }

// refusals are the errors that DynamoDB answers instead of doing anything
// ("Error handling with DynamoDB" and the errors of each call in its API
// reference). The rest is not certain: InternalServerError and ServiceUnavailable
// can come after a write, and TransactionInProgressException says so itself.
var refusals = map[string]bool{
	"ConditionalCheckFailedException":          true,
	"TransactionCanceledException":             true,
	"TransactionConflictException":             true,
	"ThrottlingException":                      true,
	"ProvisionedThroughputExceededException":   true,
	"RequestLimitExceeded":                     true,
	"LimitExceededException":                   true,
	"ItemCollectionSizeLimitExceededException": true,
	"IdempotentParameterMismatchException":     true,
	"ReplicatedWriteConflictException":         true,
	"ResourceNotFoundException":                true,
	"ResourceInUseException":                   true,
	"ValidationException":                      true,
	"SerializationException":                   true,
	"AccessDeniedException":                    true,
	"UnrecognizedClientException":              true,
	"IncompleteSignatureException":             true,
	"InvalidSignatureException":                true,
	"MissingAuthenticationTokenException":      true,
	"ExpiredTokenException":                    true,
	"UnknownOperationException":                true,
	"DuplicateItemException":                   true,
}

// classify says whether an operation that met err certainly has no effect (fail)
// or may have one (info). sent says whether any byte of its request was handed to
// the kernel.
func classify(writes, sent bool, err error) history.Outcome {
	var early *notSentError
	if !writes || !sent || errors.As(err, &early) {
		return history.Fail
	}
	var api smithy.APIError
	if errors.As(err, &api) && refusals[api.ErrorCode()] {
		return history.Fail
	}
	return history.Info
}

// broken says whether the connection is of no further use: unless DynamoDB
// answered.
func broken(err error) bool {
	var api smithy.APIError
	var early *notSentError
	return err != nil && !errors.As(err, &api) && !errors.As(err, &early)
}

// What is said of errors that the SDK words in many ways, with addresses and
// request numbers: errors of operations come from a small set.
var (
	errDeadline = errors.New("no answer before the deadline")
	errLost     = errors.New("connection lost")
	errRefused  = errors.New("connection refused")
)

// apiError is an answer of DynamoDB, without the number of the request.
type apiError struct {
	text string
	err  error
}

func (e *apiError) Error() string { return e.text }
func (e *apiError) Unwrap() error { return e.err }

// explain makes one of a small set of errors of err. What it wraps stays the same.
func explain(err error) error {
	var cancelled *types.TransactionCanceledException
	var api smithy.APIError
	var network *net.OpError
	switch {
	case errors.As(err, &cancelled):
		var codes []string
		for _, reason := range cancelled.CancellationReasons {
			if reason.Code != nil {
				codes = append(codes, *reason.Code)
			}
		}
		return &apiError{"TransactionCanceledException: " + strings.Join(codes, ", "), err}
	case errors.As(err, &api):
		return &apiError{api.ErrorCode() + ": " + api.ErrorMessage(), err}
	case errors.Is(err, context.DeadlineExceeded):
		return errDeadline
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.Is(err, io.EOF), errors.As(err, &network):
		return errLost
	}
	return err
}
