package store

import (
	"time"

	"github.com/lapse-test/lapse/history"
)

// FileLive is the file of a run directory that tells how the run goes on. It is written anew
// every second while the run goes on, and is gone when it has ended in good order.
const FileLive = "live.json"

// LiveSchema is the version of live.json.
const LiveSchema = 1

// Live is live.json: a look at a run that goes on.
type Live struct {
	Schema  int       `json:"schema"`
	Run     string    `json:"run"`
	Updated time.Time `json:"updated"`
	// Phase is one of the harness' phases; Elapsed and Total are of the load, in seconds.
	Phase   string  `json:"phase"`
	Elapsed float64 `json:"elapsed_seconds"`
	Total   float64 `json:"total_seconds"`
	// Operations by outcome, and those without an answer yet.
	OK   int64 `json:"ok"`
	Fail int64 `json:"fail"`
	Info int64 `json:"info"`
	Open int64 `json:"open"`
	// Latest are the operations that were answered in the last ten seconds.
	Latest []LiveLatency `json:"latest"`
	// Faults are those that are on, and how many there were so far.
	Faults     []string `json:"faults,omitempty"`
	Injected   int      `json:"injected"`
	TookEffect int      `json:"took_effect"`
	Healed     int      `json:"healed"`
	// Lags are the replicas' as they were measured last.
	Lags []history.Lag `json:"lags,omitempty"`
	// Violations are those found so far, by model in the order in which they were found.
	Violations []LiveViolation `json:"violations,omitempty"`
}

// LiveLatency are quantiles of the time from the invocation to the completion of the ok
// operations of one kind, in milliseconds.
type LiveLatency struct {
	Operation string  `json:"operation"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
}

// LiveViolation is what is known of a model that is violated.
type LiveViolation struct {
	Model string `json:"model"`
	// Allowed says that the configuration does not promise the model.
	Allowed bool `json:"allowed,omitempty"`
	// Count is on how many keys it was found, Anomaly and Sentence are of the first.
	Count    int    `json:"count"`
	Anomaly  string `json:"anomaly"`
	Sentence string `json:"sentence"`
}
