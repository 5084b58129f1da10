package etcd

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// refusals are the errors with which etcd answers a request instead of proposing it
// or instead of applying it (server/etcdserver/v3_server.go, apply_auth.go and
// api/v3rpc/interceptor.go of 3.6).
var refusals = []error{
	rpctypes.ErrGRPCEmptyKey, rpctypes.ErrGRPCTooManyOps, rpctypes.ErrGRPCDuplicateKey, rpctypes.ErrGRPCRequestTooLarge,
	rpctypes.ErrGRPCRequestTooManyRequests, // too much is committed and not applied: before it is proposed
	rpctypes.ErrGRPCNoSpace, rpctypes.ErrGRPCCompacted, rpctypes.ErrGRPCFutureRev,
	rpctypes.ErrGRPCLeaseNotFound, rpctypes.ErrGRPCLeaseExist, rpctypes.ErrGRPCLeaseTTLTooLarge,
	rpctypes.ErrGRPCNoLeader, // the interceptor of a request that wants one, before it is proposed
	rpctypes.ErrGRPCNotCapable, rpctypes.ErrGRPCNotSupportedForLearner,
	rpctypes.ErrGRPCUserEmpty, rpctypes.ErrGRPCAuthFailed, rpctypes.ErrGRPCPermissionDenied, rpctypes.ErrGRPCPermissionNotGiven,
	rpctypes.ErrGRPCAuthNotEnabled,
}

// expired are refusals after which a session has to say anew who it is: it is another.
var expired = []error{rpctypes.ErrGRPCInvalidAuthToken, rpctypes.ErrGRPCAuthOldRevision}

// uncertain are the errors of a request that was proposed, or may have been: it can be
// applied, now or later.
var uncertain = []error{
	rpctypes.ErrGRPCTimeout, rpctypes.ErrGRPCTimeoutDueToLeaderFail, rpctypes.ErrGRPCTimeoutDueToConnectionLost, rpctypes.ErrGRPCTimeoutWaitAppliedIndex,
	rpctypes.ErrGRPCLeaderChanged, rpctypes.ErrGRPCNotLeader, rpctypes.ErrGRPCStopped, rpctypes.ErrGRPCUnhealthy, rpctypes.ErrGRPCCorrupt,
}

// dropped is the text of raft.ErrProposalDropped, which has no code of its own: the
// member that was asked knows no leader, or is handing the lead over.
const dropped = "raft proposal dropped"

// description returns the server's message, whichever form the client gave to it.
func description(err error) string {
	var known rpctypes.EtcdError
	if errors.As(err, &known) {
		return known.Error()
	}
	return said(err).Message()
}

// said returns the status with which gRPC ended a request, nil (which is OK) for any other error.
func said(err error) *status.Status {
	var ended interface{ GRPCStatus() *status.Status }
	if errors.As(err, &ended) {
		return ended.GRPCStatus()
	}
	return nil
}

func oneOf(errs []error) func(error) bool {
	texts := map[string]bool{}
	for _, err := range errs {
		texts[rpctypes.ErrorDesc(err)] = true
	}
	return func(err error) bool { return texts[description(err)] }
}

// has says that gRPC itself ended a request with this code.
func has(code codes.Code) func(error) bool {
	return func(err error) bool { return said(err).Code() == code }
}

// errorTable judges what the client returns. Texts of gRPC are not told: they name
// addresses.
var errorTable = append(outcome.Table{
	outcome.Refused(),
	{Match: outcome.As(func(*conditionError) bool { return true }), Outcome: history.Fail, Answered: true, Text: func(err error) string {
		var condition *conditionError
		errors.As(err, &condition)
		return condition.Error()
	}},
	{Match: oneOf(refusals), Outcome: history.Fail, Answered: true, Text: description},
	{Match: oneOf(expired), Outcome: history.Fail, Text: description},
	{Name: "etcdserver: " + dropped, Match: func(err error) bool { return description(err) == dropped }, Outcome: history.Fail, Answered: true},
	{Match: oneOf(uncertain), Outcome: history.Info, Answered: true, Text: description},
	{Name: "deadline exceeded", Match: has(codes.DeadlineExceeded), Outcome: history.Info},
	{Name: "canceled", Match: has(codes.Canceled), Outcome: history.Info},
	{Name: "connection lost", Match: has(codes.Unavailable), Outcome: history.Info},
}, outcome.Network()...)
