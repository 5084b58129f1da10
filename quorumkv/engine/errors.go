package engine

// Code says for machines what went wrong.
type Code string

// The codes of errors.
const (
	CodeBadLevel     Code = "bad_level"                   // the level cannot be served in this mode, or by so many nodes
	CodeUnavailable  Code = "unavailable"                 // too few nodes could be reached, or too many failed
	CodeTimeout      Code = "timeout"                     // too few nodes answered in time
	CodeCanceled     Code = "canceled"                    // the client went away
	CodeUnsupported  Code = "compare_and_set_unsupported" // the mode has no order of writes to compare with
	CodeConflict     Code = "precondition_failed"         // the write's condition does not hold
	CodeAborted      Code = "transaction_aborted"         // another transaction had what this one needed; nothing was done, and it may be tried again
	CodeTransactions Code = "transactions_unsupported"    // the mode has no transactions of several operations
	CodeTypes        Code = "types_unsupported"           // the mode, as it is configured, has no counters and sets
	CodeBadContext   Code = "bad_context"                 // a write's context is none that a read has returned, or of no use in this mode
	CodeTooLarge     Code = "value_too_large"             // the key would become larger than nodes can tell each other
	CodeListing      Code = "listing_unsupported"         // the mode cannot list keys
	CodeMembers      Code = "membership_refused"          // the members cannot change so, or not now; nothing was changed
	CodeNoMember     Code = "not_a_member"                // the node is no member of its group, and reaches none
	CodeDisagreement Code = "configuration_disagreement"  // a peer is configured otherwise
)

// Outcome says of a failed write whether any node may hold it, now or later.
type Outcome string

// The outcomes of a failed write.
const (
	NotWritten     Outcome = "not_written"     // no node has it or will ever have it
	PerhapsWritten Outcome = "perhaps_written" // some may, and readers may see it at any later time
)

// Error is what every failed request returns.
type Error struct {
	Code     Code
	Outcome  Outcome // of a write; empty for a read
	Message  string
	Needed   int               // how many nodes had to take part
	Answered []string          // which did
	Failed   map[string]string // which did not, and why
	Attempts int               // at a transaction, all of which met a lock but perhaps the last; 0 of other requests
}

// Error is Message; who decides something by the error reads Code and Outcome.
func (e *Error) Error() string { return e.Message }

// SettingError is what Open returns when a setting does not go with what is in the data directory. Nothing was changed there.
type SettingError struct{ Reason string }

// Error is Reason.
func (e *SettingError) Error() string { return e.Reason }
