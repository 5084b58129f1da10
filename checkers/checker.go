// Package checkers is what was promised: one folder a consistency model or a
// family of them; each turns a history into a verdict with a witness.
//
// A verdict is held, violated or inconclusive. Held always means "not refuted
// by this run", with the evidence counted; a violation carries the few
// operations that prove it.
package checkers

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
)

// Status is the word of a verdict.
type Status string

// The verdicts.
const (
	// Held: not refuted by this run, and the evidence suffices.
	Held Status = "held"
	// Violated: refuted, with a witness.
	Violated Status = "violated"
	// Inconclusive: not refuted, but the evidence is too thin or the search
	// ran out of its budget; Verdict.Reasons say which.
	Inconclusive Status = "inconclusive"
)

// Budget bounds a check.
type Budget struct {
	// Time bounds the duration of a check; 0 means a minute.
	Time time.Duration
	// Memory bounds the bytes that a search may hold; 0 means 2 GiB.
	Memory int64
	// Workers bounds the keys that are checked at once; 0 means GOMAXPROCS.
	Workers int
	// MaxViolations bounds the violations that get a witness (the rest is
	// counted); 0 means 10.
	MaxViolations int
	// Part: the history is a part of one that is checked part by part, whose violations are chosen among those of its parts.
	// So of each anomaly as many get a witness, where the checker chooses among those of each (Rank.EachAnomaly).
	Part bool
}

// WithDefaults fills in what is zero.
func (b Budget) WithDefaults() Budget {
	if b.Time == 0 {
		b.Time = time.Minute
	}
	if b.Memory == 0 {
		b.Memory = 2 << 30
	}
	if b.MaxViolations == 0 {
		b.MaxViolations = 10
	}
	return b
}

// Checker decides one model. Whoever assesses a history calls its methods from one
// goroutine, one checker after another; commands and tests may call them from several at
// once, with one history or several, so a Checker holds nothing that a call changes. A
// Check may start goroutines of its own, as many as the budget has workers, and has ended
// all of them when it returns.
type Checker interface {
	// Model is the model, which says what the checker counts and how its violations are
	// verified. The name in it is that of the verdicts, with a parameter if it has one.
	Model() Model
	// Applies says why h cannot be checked by this checker (wrong kind of
	// operations, ambiguous values), nil if it can. It does not change h.
	Applies(h *history.History) error
	// Check decides the model for h. The error is for what went wrong in the
	// checking itself; running out of budget is a verdict. It returns at the
	// end of the budget's time, or soon after ctx is done, with all that was
	// decided by then. It does not change h.
	Check(ctx context.Context, h *history.History, b Budget) (Verdict, error)
}

// Together is implemented by checkers of one family that decide several models
// of a history at once, with the work that they share done once.
type Together interface {
	Checker
	// Family names the family; checkers of one family can be asked together, and all or
	// none of them apply to a history, for the same reason.
	Family() string
	// CheckTogether decides the named models of the family; the verdicts are in
	// the order of the names. What holds for Check holds for it.
	CheckTogether(ctx context.Context, h *history.History, b Budget, models []string) ([]Verdict, error)
}

// Selective is implemented by checkers that apply to histories in which there is nothing of
// what their model is about. Whoever chooses models because the user named none leaves them
// out there: "inconclusive" would say something about the choice, and nothing about the history.
type Selective interface {
	Checker
	// Concerns tells whether h has anything that the model is about. It does not change h,
	// and does not look at what was answered: a history that lacks evidence concerns it.
	Concerns(h *history.History) bool
}

// Verdict is a checker's decision about a history under one model.
type Verdict struct {
	Model  string `json:"model"`
	Status Status `json:"status"`
	// Reasons say why it is inconclusive.
	Reasons []string `json:"reasons,omitempty"`
	// Unfinished is set where the check was not brought to its end, because its budget ran
	// out: only then can another model's verdict answer for this one.
	Unfinished bool `json:"unfinished,omitempty"`
	// NotDecided is set where the check was interrupted before it had decided anything, or went wrong: what Evidence
	// counts, if it counts anything, says nothing then. It is not set where another model's verdict answers for this one. Whoever assesses the history sets it.
	NotDecided bool `json:"not_decided,omitempty"`
	// Follows names the model whose verdict this one follows, where it does: a stronger
	// one that held, or a weaker one that was violated and has the witness.
	Follows string `json:"follows,omitempty"`
	// Risk and Counts are those of the model: what Evidence.AtRisk and what Total count.
	// Whoever assesses the history fills them in.
	Risk   string `json:"risk,omitempty"`
	Counts string `json:"counts,omitempty"`
	// Total counts all violations found; Violations holds the first of them,
	// smallest and clearest first.
	Total      int         `json:"total"`
	Violations []Violation `json:"violations,omitempty"`
	// Undecided are the keys that the search did not finish, with the reason.
	Undecided []Undecided `json:"undecided,omitempty"`
	Evidence  Evidence    `json:"evidence"`
	// Algorithm says how it was decided.
	Algorithm string        `json:"algorithm"`
	Elapsed   time.Duration `json:"elapsed_ns"`
}

// Evidence counts what stands behind a verdict. Fields that make no sense for a
// model stay zero.
type Evidence struct {
	// Ops counts operations by outcome.
	OK   int `json:"ok"`
	Fail int `json:"fail"`
	Info int `json:"info"`
	// Reads and Writes count ok micro-operations.
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
	// AtRisk counts the reads that could have exposed a violation: for
	// read-your-writes those of a key that the session had written before.
	AtRisk int `json:"at_risk"`
	// Bad counts the reads among them that did.
	Bad int `json:"bad"`
	// Overlapping counts the operations that overlapped another one on the
	// same key.
	Overlapping int `json:"overlapping"`
	// DuringFaults counts the ok reads among AtRisk that fell into a fault window,
	// or followed one within its key's life.
	DuringFaults int `json:"during_faults"`
	// Keys counts the keys checked.
	Keys int `json:"keys"`
}

// Undecided is a key that was not decided.
type Undecided struct {
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// Violation is one broken promise with its proof.
type Violation struct {
	Model string `json:"model"`
	// Anomaly is the field's name for the pattern, such as "stale read",
	// "lost update", "G-single".
	Anomaly string `json:"anomaly"`
	// Key is the key it is about, "" if about several.
	Key string `json:"key,omitempty"`
	// Session is the session whose promise was broken, -1 if none.
	Session int32 `json:"session"`
	// Sentence says what happened in the domain's words, complete for a reader
	// who sees nothing else.
	Sentence string `json:"sentence"`
	// Ops are the witness: indexes into History.Ops, in the order of
	// invocation.
	Ops []int `json:"ops"`
	// Names are the indexes by which the checker knew Ops, nil where they are the same: see Renumbered.
	Names []int `json:"-"`
	// Steps are the reasoning over the witness, one edge or fact each.
	Steps []Step `json:"steps,omitempty"`
	// Legal are the values that the offending read could have returned.
	Legal []string `json:"legal,omitempty"`
	// Faults are the IDs of the fault windows that the offending operations
	// fell into.
	Faults []int `json:"faults,omitempty"`
	// At is the time at which it showed: the completion of the offending operation.
	At history.Time `json:"at_ns"`
	// Rank says which violations are kept, of local models; it is not stored.
	Rank Rank `json:"-"`
	// Certified says by what the witness alone was refuted again, such as
	// "porcupine"; empty if the model cannot be expressed there.
	Certified string `json:"certified,omitempty"`
}

// NamesPlace tells whether the sentence calls operation i by its place in the
// history, as T and its index, which the checkers of transactions do.
func (v *Violation) NamesPlace(i int) bool {
	name := "T" + strconv.Itoa(v.Place(i))
	for s := v.Sentence; ; {
		_, rest, ok := strings.Cut(s, name)
		if !ok {
			return false
		}
		if rest == "" || rest[0] < '0' || rest[0] > '9' {
			return true
		}
		s = rest
	}
}

// Step is one reason in a proof: From is before To because of Why. To is -1 for
// a plain fact about From.
type Step struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Kind string `json:"kind"`
	Why  string `json:"why"`
}
