package history

// Attributes of a header that say what a history does not tell.
const (
	// AttributeClock says what the stamps are: ClockNone where the source had
	// neither a clock nor an order between sessions, ClockOrder where stamps only
	// number the events of the source, from 0 on in its order. Without it they are times.
	AttributeClock = "clock"
	ClockNone      = "none"
	ClockOrder     = "order"
	// AttributeAppends says how the target appends to lists: AppendsBlind where an
	// append is a blind merge, whose place is settled after what its own transaction
	// reads. Without it a transaction that reads a list after an append of its own
	// has seen where its element came.
	AttributeAppends = "appends"
	AppendsBlind     = "blind"
	// AttributeTenants is how many tenants the keys of a run are shared out among: key number
	// k is the one numbered k / tenants of the tenant numbered k % tenants, see Tenancy.
	AttributeTenants = "tenants"
	// AttributeFields is how many fields each map of a run has: key number k is the field numbered k % fields of the
	// map numbered k / fields, see Fielding.
	AttributeFields = "fields"
)

// HasOrder tells whether the stamps of h say what came before what in real time.
func (h *History) HasOrder() bool { return h.Header.Attributes[AttributeClock] != ClockNone }

// HasTimes tells whether the stamps of h are times, and the distance of two of them a length
// of time. Where they are not, nothing may be said of how long anything took.
func (h *History) HasTimes() bool { return h.Header.HasTimes() }

// HasTimes is that of the histories with this header.
func (h *Header) HasTimes() bool { return h.Attributes[AttributeClock] == "" }

// BlindAppends tells whether the appends of h are blind merges.
func (h *History) BlindAppends() bool { return h.Header.Attributes[AttributeAppends] == AppendsBlind }
