package history

// Attributes of a header that say what a history does not tell.
const (
	// AttributeClock says what the stamps are: ClockNone where the source had
	// neither a clock nor an order between sessions, ClockOrder where stamps only
	// number the lines of the source. Without it they are times.
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

// HasClock tells whether the stamps of h say what came before what in real time.
func (h *History) HasClock() bool { return h.Header.Attributes[AttributeClock] != ClockNone }

// BlindAppends tells whether the appends of h are blind merges.
func (h *History) BlindAppends() bool { return h.Header.Attributes[AttributeAppends] == AppendsBlind }
