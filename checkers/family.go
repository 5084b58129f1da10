package checkers

// Family is a group of models that are told together.
type Family int

// The families.
const (
	// NoFamily is that of a user's own models.
	NoFamily Family = iota
	Registers
	SessionGuarantees
	InTheEnd
	DataTypes
	Levels
	LevelsInSessions
	LevelsInRealTime
)

// Families are all of them, in the order in which they are told.
func Families() []Family {
	return []Family{Registers, SessionGuarantees, InTheEnd, DataTypes, Levels, LevelsInSessions, LevelsInRealTime}
}

// String is a heading.
func (f Family) String() string {
	const levels = "isolation levels"
	switch f {
	case Registers:
		return "registers"
	case SessionGuarantees:
		return "session guarantees"
	case InTheEnd:
		return "in the end"
	case DataTypes:
		return "data types"
	case Levels:
		return levels
	case LevelsInSessions:
		return levels + ", in the order of each session too"
	case LevelsInRealTime:
		return levels + ", in the order of real time too"
	}
	return "models of the user's own"
}

// Repeats says that the family has the models of Levels once more, each with an order that
// it keeps besides.
func (f Family) Repeats() bool { return f == LevelsInSessions || f == LevelsInRealTime }
