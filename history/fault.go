package history

// Fault is a fault window: what was broken, when, and the proof that it bit and
// that it healed. A fault counts only when it was seen to take effect.
type Fault struct {
	// ID is unique in the run, from 1, in the order of injection.
	ID int `json:"id"`
	// Kind is the family, such as "partition", "kill", "pause", "clock".
	Kind string `json:"kind"`
	// Name says what exactly, such as "isolate n1" or "kill n3".
	Name string `json:"name"`
	// Nodes are the nodes it was done to.
	Nodes []string `json:"nodes,omitempty"`
	// Groups are the sides of a partition, for the report's picture.
	Groups [][]string `json:"groups,omitempty"`
	// Cuts are the directed links that were cut, as from>to.
	Cuts []string `json:"cuts,omitempty"`

	// Injected is when the injection began, TookEffect when it was seen to take effect (0 if
	// never), Healing when healing began, Healed when it was seen to be over
	// (0 if never). Between Injected and Healed the fault may have an effect.
	Injected   Time `json:"injected_ns"`
	TookEffect Time `json:"bit_ns,omitempty"`
	Healing    Time `json:"healing_ns,omitempty"`
	Healed     Time `json:"healed_ns,omitempty"`

	// Proof lists the evidence that it took effect and healed: probes that failed, packets dropped, a process
	// gone, probes that succeeded again.
	Proof []string `json:"proof,omitempty"`
	// Met is, of a fault that keeps processes from having more of something, how often somebody
	// was seen to want it and not get it; nil for all others, and where nobody looked.
	Met *int `json:"met,omitempty"`
	// Error gives the reason why it took no effect or did not heal, empty otherwise.
	Error string `json:"error,omitempty"`
}

// Covers tells whether t falls into the time in which f may have had an effect.
func (f *Fault) Covers(t Time) bool {
	return t >= f.Injected && (f.Healed == 0 || t <= f.Healed)
}

// Event is a moment of the run that is no operation and no fault: a phase
// begins, a failover is seen, a replica is promoted.
type Event struct {
	At   Time   `json:"at_ns"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// EventPhase is the kind of the events that say which phase of the run begins.
const EventPhase = "phase"

// EventLag is the kind of the events that say how far a replica is behind: one a
// replica, every half second or so while the load is on, for targets whose
// systems can tell (targets.LagMeter). A replica that could not be asked has none.
// Text is a Lag as JSON.
const EventLag = "lag"

// Lag measures a replica's distance behind the node that takes the writes.
type Lag struct {
	Node string `json:"node"`
	// BehindMS is the age of the newest change that it shows, in milliseconds, 0 when it
	// shows all of them.
	BehindMS int64 `json:"behind_ms"`
	// NotReceived and NotApplied are the bytes of the log that it lacks, or has and
	// does not show. The first ones are among the second ones.
	NotReceived int64 `json:"not_received_bytes"`
	NotApplied  int64 `json:"not_applied_bytes"`
}

// Lag reads an event of the kind EventLag; ok is false for others.
func (e *Event) Lag() (l Lag, ok bool) {
	ok = e.told(&l)
	return l, ok
}

// EventRoundTrips is the kind of the events that say how long round trips between the regions
// of a run were measured to take.
const EventRoundTrips = "round-trips"

// EventPlacement is the kind of the events that say on which nodes a key is, for
// workloads that ask for it (hot). Text is a Placement as JSON.
const EventPlacement = "place"

// Placement names the nodes that hold a key.
type Placement struct {
	Key Key `json:"key"`
	// Nodes are its replicas, the one that its partition belongs to first.
	Nodes []string `json:"nodes"`
}

// Placement reads an event of the kind EventPlacement; ok is false for others.
func (e *Event) Placement() (p Placement, ok bool) {
	ok = e.told(&p)
	return p, ok
}

// EventMeasure is the kind of the events that have a figure of the whole load which the
// target's system knows and no client saw (targets.Measurer). Text is a Measure as JSON.
const EventMeasure = "measure"

// The names of measures, each of which thresholds of suites may name.
const (
	// MeasureMoved is the share, from 0 to 1, of all replicas of keys that was copied to other nodes
	// when a node joined, on average of the nodes that did.
	MeasureMoved = "moved"
	// MeasureRoundsOne is how many rounds of messages, one after the other, a committed
	// transaction in one shard took on average, with those of attempts that met a lock.
	MeasureRoundsOne = "rounds.one"
	// MeasureRoundsAcross is MeasureRoundsOne for transactions across shards.
	MeasureRoundsAcross = "rounds.across"
	// MeasureConflictsOne is the share, from 0 to 1, of the attempts at transactions in one
	// shard that were aborted because they met a lock.
	MeasureConflictsOne = "conflicts.one"
	// MeasureConflictsAcross is MeasureConflictsOne for transactions across shards.
	MeasureConflictsAcross = "conflicts.across"
	// MeasureRangeNodes is how many nodes were asked for a page of a range of keys, on average.
	MeasureRangeNodes = "range.nodes"
)

// Measure is a figure of the whole load.
type Measure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	// Text says it for people, with what it was counted from.
	Text string `json:"text"`
}

// Measure reads an event of the kind EventMeasure; ok is false for others.
func (e *Event) Measure() (m Measure, ok bool) {
	ok = e.told(&m)
	return m, ok
}

// Sampled tells whether e is a statement about the run (EventCoverage) or one of many
// measured values (EventLag, EventPlacement, EventMeasure, the readings of clocks among EventDriver) rather than a
// moment.
func (e *Event) Sampled() bool {
	switch e.Kind {
	case EventLag, EventPlacement, EventMeasure, EventCoverage:
		return true
	}
	d, ok := e.Driver()
	return ok && d.What == DriverClock
}

// Words is what e tells people: its text, or what that means where it is JSON.
func (e *Event) Words() string {
	if e.Kind != EventDriver {
		return e.Text
	}
	if d, ok := e.Driver(); ok {
		return d.String()
	}
	return "what became of a driver, which cannot be read"
}

// FaultsAt are the IDs of the faults whose windows cover t, in the order of
// their injection, whether or not they were seen to take effect (Fault.TookEffect tells).
func (h *History) FaultsAt(t Time) []int {
	var ids []int
	for i := range h.Faults {
		f := &h.Faults[i]
		if f.Injected > t {
			break
		}
		if f.Covers(t) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// FaultAt tells whether the window of some fault that was seen to take effect covers t.
// It does not allocate.
func (h *History) FaultAt(t Time) bool {
	for i := range h.Faults {
		f := &h.Faults[i]
		if f.Injected > t {
			return false
		}
		if f.TookEffect != 0 && f.Covers(t) {
			return true
		}
	}
	return false
}
