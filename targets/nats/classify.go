package nats

import (
	"errors"
	"fmt"

	driver "github.com/nats-io/nats.go"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// The codes of JetStream's API that are told apart (server/errors.json).
const (
	codeWrongSequence    = 10071 // JSStreamWrongLastSequenceErrF
	codeWrongSequenceAny = 10164 // JSStreamWrongLastSequenceConstantErr
	codeNoMessage        = 10037
	codeNoStream         = 10059
	codeNotEnabled       = 10039
	codeNotEnabledAtAll  = 10076
	codeNameTaken        = 10058
	codeUnavailable      = 10008
	codeNotClustered     = 10074
	codeNoPeers          = 10005
	codeInsufficient     = 10023
	codeAccountResources = 10002
	codeStorage          = 10047
	codeStreams          = 10027
	codeLimits           = 10120
	codeNeedsBound       = 10113
)

// refusals are what JetStream answers instead of making a stream.
var refusals = []int{
	codeNotEnabled, codeNotEnabledAtAll, codeNotClustered, codeNoPeers,
	codeAccountResources, codeStreams, codeLimits, codeNeedsBound,
}

// apiError is JetStream's answer in place of a result.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return e.Description }

// unreadError is what became of the read before a write: the write was not sent.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }
func (e *unreadError) Unwrap() error { return e.err }

var unread = outcome.As(func(*unreadError) bool { return true })

// forbiddenError is that the server let the user's message go nowhere.
type forbiddenError struct{ err error }

func (e *forbiddenError) Error() string { return e.err.Error() }
func (e *forbiddenError) Unwrap() error { return e.err }

var forbidden = outcome.As(func(*forbiddenError) bool { return true })

var (
	errMismatch = errors.New("the key held another value")
	errGarbage  = errors.New("the answer is none of JetStream's")
	errNothing  = errors.New("a write of nothing: use delete")
)

func coded(codes ...int) func(error) bool {
	return outcome.As(func(e *apiError) bool {
		for _, c := range codes {
			if e.ErrCode == c {
				return true
			}
		}
		return false
	})
}

// errorTable judges what comes instead of a result. Of the API's errors only those are
// fail that the server gives before it proposes anything to the group.
var errorTable = append(outcome.Table{
	{Name: "no responders", Match: outcome.Is(driver.ErrNoResponders), Outcome: history.Fail, Answered: true},
	{Name: "wrong last sequence: the key was changed", Match: changedSince, Outcome: history.Fail, Answered: true},
	{Name: errMismatch.Error(), Match: outcome.Is(errMismatch), Outcome: history.Fail, Answered: true},
	{Name: errNothing.Error(), Match: outcome.Is(errNothing), Outcome: history.Fail, Answered: true},
	{Name: "the user may not", Match: forbidden, Outcome: history.Fail, Answered: true},
	{Name: "the user may not hear the answer", Match: outcome.Is(driver.ErrPermissionViolation), Outcome: history.Info},
	{Name: "no such stream", Match: coded(codeNoStream), Outcome: history.Fail, Answered: true},
	{Name: "JetStream is not enabled", Match: coded(codeNotEnabled, codeNotEnabledAtAll), Outcome: history.Fail, Answered: true},
	{Match: outcome.As(func(*apiError) bool { return true }), Outcome: history.Info, Answered: true, Text: func(err error) string {
		var e *apiError
		errors.As(err, &e)
		return fmt.Sprintf("JetStream error %d (%d)", e.ErrCode, e.Code)
	}},
	{Name: "the answer is none of JetStream's", Match: outcome.Is(errGarbage), Outcome: history.Info},
	{Name: "deadline exceeded", Match: outcome.Is(driver.ErrTimeout), Outcome: history.Info},
	{Name: "connection closed", Match: outcome.Is(driver.ErrConnectionClosed, driver.ErrStaleConnection, driver.ErrDisconnected), Outcome: history.Info},
	{Name: "no connection", Match: outcome.Is(driver.ErrNoServers), Outcome: history.Info},
}, outcome.Network()...)

// changedSince: what was read has been changed since, so that nothing was written.
var changedSince = coded(codeWrongSequence, codeWrongSequenceAny)

// served is the note of an operation that was refused for what was read, or for what
// another client wrote meanwhile; empty for any other.
func served(err error) string {
	switch {
	case changedSince(err):
		return history.NoteAborted
	case errors.Is(err, errMismatch):
		return history.NoteRefused
	}
	return ""
}
