package ability

// Death says that the connections of a client can be ended at once as if its process had been
// killed, and that another client can go on with its session (targets.Session.Life and Carried).
var Death Ability = of[Mortal]{"death", "clients that can die"}

// Token says that a session carries something besides its connections, which a client that
// dies can take along: a position in a log, a time until which the primary is read.
var Token Ability = of[Mortal]{"token", "sessions that carry something from one operation to the next which can be lost (a read level such as wait-for-lsn)"}

// Mortal is the interface of Death and of Token. It may be called from several goroutines at
// once.
type Mortal interface {
	// Carries is what a session carries from one operation to the next besides its
	// connections, in words such as "the LSN of its last write"; empty for nothing.
	Carries() string
}

// Tokenless is Mortal for systems whose sessions carry nothing.
type Tokenless struct{}

// Carries implements Mortal.
func (Tokenless) Carries() string { return "" }
