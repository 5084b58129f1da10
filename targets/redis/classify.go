package redis

import (
	"errors"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// errNotPrimary: the server that was taken for the primary is a replica. Nothing of an
// operation was sent, and the session ends.
var errNotPrimary = errors.New("the node is not the primary")

// errSentinel: what was named holds no data.
var errSentinel = errors.New("it is a Sentinel, which watches servers and holds no data")

// unreplicatedError: the primary has a write, and fewer replicas than the level asks
// for said in time that they have it.
type unreplicatedError struct{ err error }

func (e *unreplicatedError) Error() string { return "WAIT: too few replicas have it" }
func (e *unreplicatedError) Unwrap() error { return e.err }

// refusals are the codes with which Redis answers a command instead of doing anything
// (its error replies begin with one; server.c and cluster.c of 7.0 list them). ERR is
// the code of all that is wrong with a command itself; a script that fails half-way has
// it too, with its first writes done, but ours write one declared key once.
var refusals = []string{
	"ASK", "BUSY", "CLUSTERDOWN", "CROSSSLOT", "ERR", "EXECABORT", "LOADING", "MASTERDOWN", "MISCONF", "MOVED",
	"NOAUTH", "NOPERM", "NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "WRONGPASS", "WRONGTYPE",
}

// code is the first word of an error reply, "" for any other error.
func code(err error) string {
	var reply driver.Error
	if !errors.As(err, &reply) {
		return ""
	}
	word, _, _ := strings.Cut(reply.Error(), " ")
	return word
}

func says(codes ...string) func(error) bool {
	return func(err error) bool { return slices.Contains(codes, code(err)) }
}

// errorTable judges what the driver returns. The text of an error reply is not told
// but for its code: it names slots and addresses.
var errorTable = append(outcome.Table{
	outcome.Refused(),
	{Name: errNotPrimary.Error(), Match: outcome.Is(errNotPrimary), Outcome: history.Fail},
	{Name: errTouched.Error(), Match: outcome.Is(errTouched), Outcome: history.Fail, Answered: true},
	{Name: (&unreplicatedError{}).Error(), Match: outcome.As(func(*unreplicatedError) bool { return true }), Outcome: history.Info, Answered: true},
	{Match: says(refusals...), Outcome: history.Fail, Answered: true, Text: code},
	{Match: func(err error) bool { return code(err) != "" }, Outcome: history.Info, Answered: true, Text: code},
}, outcome.Network()...)

// served is the note of an operation that was refused for what another client did.
func served(err error) string {
	if errors.Is(err, errTouched) {
		return history.NoteAborted
	}
	return ""
}
