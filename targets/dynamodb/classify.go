package dynamodb

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// refusals are the errors that DynamoDB answers instead of doing anything
// ("Error handling with DynamoDB" and the errors of each call in its API
// reference). The rest is not certain: InternalServerError and ServiceUnavailable
// can come after a write, and TransactionInProgressException says so itself.
var refusals = []string{
	"ConditionalCheckFailedException",
	"TransactionConflictException",
	"ThrottlingException",
	"ProvisionedThroughputExceededException",
	"RequestLimitExceeded",
	"LimitExceededException",
	"ItemCollectionSizeLimitExceededException",
	"IdempotentParameterMismatchException",
	"ReplicatedWriteConflictException",
	"ResourceNotFoundException",
	"ResourceInUseException",
	"ValidationException",
	"SerializationException",
	"AccessDeniedException",
	"UnrecognizedClientException",
	"IncompleteSignatureException",
	"InvalidSignatureException",
	"MissingAuthenticationTokenException",
	"ExpiredTokenException",
	"UnknownOperationException",
	"DuplicateItemException",
}

// said matches an answer of DynamoDB's with one of these codes.
func said(codes ...string) func(error) bool {
	return outcome.As(func(e smithy.APIError) bool { return slices.Contains(codes, e.ErrorCode()) })
}

// errorTable judges what the SDK returns. Its words are not told: they have
// addresses, ports and numbers of requests in them.
var errorTable = append(outcome.Table{
	outcome.Refused(),
	{Match: outcome.As(func(*types.TransactionCanceledException) bool { return true }), Outcome: history.Fail, Answered: true, Text: reasons},
	{Match: said(refusals...), Outcome: history.Fail, Answered: true, Text: answer},
	// An answer that is none of DynamoDB's, such as a proxy's page of HTML: the SDK
	// then has no code, or makes one up.
	{Name: "an answer that is not DynamoDB's", Match: notDynamoDB, Outcome: history.Info},
	{Match: outcome.As(func(smithy.APIError) bool { return true }), Outcome: history.Info, Answered: true, Text: answer},
	{Name: "an answer that cannot be read", Match: cutOff, Outcome: history.Info},
}, outcome.Network()...)

// answer is the code and the message of an answer, without the request's number.
func answer(err error) string {
	var api smithy.APIError
	errors.As(err, &api)
	if api.ErrorMessage() == "" {
		return api.ErrorCode()
	}
	return api.ErrorCode() + ": " + api.ErrorMessage()
}

// The codes of a cancellation that are told apart.
const (
	conditionFailed     = "ConditionalCheckFailed"
	transactionConflict = "TransactionConflict"
)

// cancellation is why DynamoDB refused a request for what it read, item by item, in the
// words that it has for transactions; a single write is a transaction of one. Nil for any
// other error.
func cancellation(err error) []types.CancellationReason {
	var single *types.ConditionalCheckFailedException
	var conflict *types.TransactionConflictException
	var cancelled *types.TransactionCanceledException
	switch {
	case errors.As(err, &single):
		return []types.CancellationReason{{Code: aws.String(conditionFailed), Item: single.Item}}
	case errors.As(err, &conflict):
		return []types.CancellationReason{{Code: aws.String(transactionConflict)}}
	case errors.As(err, &cancelled):
		return cancelled.CancellationReasons
	}
	return nil
}

// reasons are the codes for which a transaction was cancelled, item by item.
func reasons(err error) string {
	var codes []string
	for _, reason := range cancellation(err) {
		if reason.Code != nil {
			codes = append(codes, *reason.Code)
		}
	}
	return "TransactionCanceledException: " + strings.Join(codes, ", ")
}

// notDynamoDB says whether an answer with an error's status has no error of
// DynamoDB's in it: the SDK then has no code, or calls it UnknownError.
func notDynamoDB(err error) bool {
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() >= 300 &&
		(!errors.As(err, &api) || api.ErrorCode() == "UnknownError")
}

// cutOff says whether an answer came whose body was not whole, or not what it should
// be. A deadline that passes in the middle of it is one.
func cutOff(err error) bool {
	var broken *smithy.DeserializationError
	var network *net.OpError
	return errors.As(err, &broken) && !errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded)
}

// served is the note of a failed operation that DynamoDB refused for what it read:
// because another transaction was under way, or because a condition did not hold.
// Empty for any other failure.
func served(err error) string {
	note := ""
	for _, reason := range cancellation(err) {
		switch aws.ToString(reason.Code) {
		case "None", "":
		case conditionFailed:
			note = history.NoteRefused
		case transactionConflict:
			return history.NoteAborted
		default:
			return "" // such as throttling
		}
	}
	return note
}
