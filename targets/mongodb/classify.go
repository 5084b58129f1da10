package mongodb

import (
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
)

// The labels by which a server, or the driver, says what an error means for a
// transaction or a write ("Error Handling for Drivers" of MongoDB's manual).
const (
	labelTransient = "TransientTransactionError"
	labelUnknown   = "UnknownTransactionCommitResult"
	labelNoWrites  = "NoWritesPerformed"
	labelNetwork   = "NetworkError"
)

// refusals are the codes with which a server answers a command, or one write of it,
// instead of doing anything ("Error Codes" of MongoDB's manual). Those that can come in
// the middle, such as InterruptedDueToReplStateChange, PrimarySteppedDown and
// MaxTimeMSExpired, are not among them, nor any that the manual does not have.
var refusals = map[int]string{
	2: "BadValue", 9: "FailedToParse", 13: "Unauthorized", 14: "TypeMismatch", 18: "AuthenticationFailed",
	20: "IllegalOperation", 24: "LockTimeout", 26: "NamespaceNotFound", 28: "PathNotViable", 40: "ConflictingUpdateOperators",
	59: "CommandNotFound", 66: "ImmutableField", 72: "InvalidOptions", 73: "InvalidNamespace",
	112: "WriteConflict", 121: "DocumentValidationFailure", 123: "NotAReplicaSet",
	238: "NotImplemented", 246: "SnapshotUnavailable", 251: "NoSuchTransaction", 263: "OperationNotSupportedInTransaction", 391: "ReauthenticationRequired",
	10107: "NotWritablePrimary", 10334: "BSONObjectTooLarge", 11000: codeDuplicate, 13435: "NotPrimaryNoSecondaryOk", 13436: "NotPrimaryOrSecondary",
}

const codeDuplicate = "DuplicateKey"

// errMismatch: a compare-and-set whose condition was false. What is there instead is not
// told by findAndModify.
var errMismatch = errors.New("the key holds another value")

func labelled(label string) func(error) bool {
	return outcome.As(func(e mongo.LabeledError) bool { return e.HasErrorLabel(label) })
}

// answered is the code and the name of an answer of the server's; the code is 0 for all
// else. concern says that the write was applied, and that its write concern was not met.
func answered(err error) (code int, name string, concern bool) {
	var w mongo.WriteException
	var c mongo.CommandError
	switch {
	case errors.As(err, &w) && len(w.WriteErrors) > 0:
		code = w.WriteErrors[0].Code
	case errors.As(err, &w) && w.WriteConcernError != nil:
		code, name, concern = w.WriteConcernError.Code, w.WriteConcernError.Name, true
	case errors.As(err, &c):
		code, name = int(c.Code), c.Name
	}
	if name == "" {
		name = refusals[code]
	}
	if name == "" {
		name = fmt.Sprintf("error %d", code)
	}
	return code, name, concern
}

func is(match func(code int, concern bool) bool) func(error) bool {
	return func(err error) bool {
		code, _, concern := answered(err)
		return code != 0 && !labelled(labelNetwork)(err) && match(code, concern)
	}
}

func codeName(err error) string {
	_, name, _ := answered(err)
	return name
}

// errorTable judges what the driver returns. The text of an answer is not told but for
// its name: it names namespaces, keys and addresses.
var errorTable = append(outcome.Table{
	outcome.Refused(),
	{Name: errMismatch.Error(), Match: outcome.Is(errMismatch), Outcome: history.Fail, Answered: true},
	{Name: contents.ErrForeign.Error(), Match: outcome.Is(contents.ErrForeign), Outcome: history.Info},
	// The order matters: a commit whose result is unknown can have been done, whatever its code.
	{Match: both(is(always), labelled(labelUnknown)), Outcome: history.Info, Answered: true, Text: func(err error) string { return "commit: " + codeName(err) }},
	{Match: is(func(_ int, concern bool) bool { return concern }), Outcome: history.Info, Answered: true, Text: func(err error) string { return "write concern: " + codeName(err) }},
	{Match: both(is(always), labelled(labelTransient)), Outcome: history.Fail, Answered: true, Text: codeName},
	{Match: both(is(always), labelled(labelNoWrites)), Outcome: history.Fail, Answered: true, Text: codeName},
	{Match: is(func(code int, _ bool) bool { return refusals[code] != "" }), Outcome: history.Fail, Answered: true, Text: codeName},
	{Match: is(always), Outcome: history.Info, Answered: true, Text: codeName},
}, outcome.Network()...)

func always(int, bool) bool { return true }

func both(a, b func(error) bool) func(error) bool {
	return func(err error) bool { return a(err) && b(err) }
}

// served is the note of an operation that was refused for what the database read.
func served(err error) string {
	switch code, _, _ := answered(err); refusals[code] {
	case "WriteConflict", "SnapshotUnavailable", "LockTimeout":
		return history.NoteAborted
	}
	return ""
}
