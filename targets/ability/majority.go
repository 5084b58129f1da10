package ability

// Majority says that members serve only while more than half of them reach each other, and that who leaves in order is not counted
// any more. No fault needs it: whoever takes members out asks how many the others can spare.
var Majority Ability = of[MajorityBound]{"majority", "members that serve only while more than half of them reach each other"}

// MajorityBound is the interface of Majority. It may be called from several goroutines at once.
type MajorityBound interface {
	// WithoutMajority is what becomes of members that are too few, as a sentence of the database's without its end.
	WithoutMajority() string
}
