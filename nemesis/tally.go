package nemesis

import "fmt"

// Tally counts the steps of a schedule that were injected, took effect and were healed, and
// names those that were not.
type Tally struct {
	// Planned counts the steps of the schedule, Injected those carried out, TookEffect
	// those that were seen to take effect, Healed those that were seen to be over.
	Planned    int `json:"planned"`
	Injected   int `json:"injected"`
	TookEffect int `json:"bit"`
	Healed     int `json:"healed"`
	// Ineffective were injected, or were to be, and were not seen to take effect as they
	// should. Unhealed were not seen to be over. Either makes a run
	// inconclusive.
	Ineffective []Trouble `json:"not_bitten,omitempty"`
	Unhealed    []Trouble `json:"unhealed,omitempty"`
	// Skipped were left out on purpose: the load ended before, or the node was
	// in the hands of another fault.
	Skipped []Trouble `json:"skipped,omitempty"`
	// Unexpected is what no fault accounts for, such as a node that was found
	// stopped: the database crashed, or its own operator stopped it.
	Unexpected []Trouble `json:"unexpected,omitempty"`
}

// Trouble is a step or node that something is to be said of.
type Trouble struct {
	// Fault is the ID in the history, 0 if it was not injected.
	Fault int `json:"fault,omitempty"`
	// Name says what exactly, as history.Fault.Name does, or names a node.
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// String is the fault with its ID, if it was injected, and the reason, in one line.
func (t Trouble) String() string {
	if t.Fault > 0 {
		return fmt.Sprintf("fault %d (%s): %s", t.Fault, t.Name, t.Reason)
	}
	return fmt.Sprintf("%s: %s", t.Name, t.Reason)
}

// Reasons are why a run with this outcome is inconclusive, one sentence each;
// none if all faults did what they should.
func (o Tally) Reasons() []string {
	var out []string
	for _, t := range o.Ineffective {
		out = append(out, "took no effect: "+t.String())
	}
	for _, t := range o.Unhealed {
		out = append(out, "was not seen to heal: "+t.String())
	}
	if o.Planned > 0 && o.TookEffect == 0 && len(o.Ineffective) == 0 {
		out = append(out, fmt.Sprintf("none of %d planned faults was injected", o.Planned))
	}
	return out
}
