// Package quorum settles claims such as W+R>N on a running database: for every
// pair of write and read levels, what the theory predicts for each model, and
// what was seen, with the counts behind it.
//
// The models are
//
//   - regular (Lamport 1986): a read returns the last write acknowledged before
//     it began, or one concurrent with it. For a key with one writer, which is
//     what the workload session has, this is the claim that W+R>N makes: an
//     acknowledged write is seen by every later read;
//   - linearizable (Herlihy and Wing 1990), which W+R>N by itself does not
//     promise: a write in progress may be seen by one read and missed by the next;
//   - read-your-writes (Terry et al. 1994).
//
// A cell that may break is given a second, longer run before it is said that no
// violation was seen, with the nodes that a write needs cut off from those that a
// read needs or, where these sets meet and only clocks order two writes, with the
// nodes' clocks moved.
package quorum

import "github.com/lapse-test/lapse/checkers/models"

// The models of the table, by the names of the checkers.
const (
	Regular        = models.Regular
	Linearizable   = models.Linearizable
	ReadYourWrites = models.ReadYourWrites
)

// Models are the models of the table in the order in which they are shown.
func Models() []string { return []string{Regular, ReadYourWrites, Linearizable} }

// Prediction is what the theory says of a model in a cell.
type Prediction string

// The predictions.
const (
	// Hold: promised, whatever happens to the network and to processes.
	Hold Prediction = "hold"
	// MayBreak: not promised; a run may show a violation or not.
	MayBreak Prediction = "may break"
)

// Observation is what the runs of a cell showed of a model.
type Observation string

// The observations.
const (
	// Held: nothing seen, with enough evidence, where nothing was to be seen.
	Held Observation = "held"
	// Broke: seen, with a witness.
	Broke Observation = "broke"
	// NotSeen: may break, and did not, in the longer run neither.
	NotSeen Observation = "not seen"
	// Thin: nothing seen, and too little evidence to say held.
	Thin Observation = "inconclusive"
)
