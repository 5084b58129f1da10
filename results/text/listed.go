package text

// MaxListed bounds the operations, and the reasons, of one witness that texts and pages list. A checker that cannot tell which
// operations refute an order names all of them, millions perhaps, and nobody checks those by hand; the witness as JSON and as a
// history has them all.
const MaxListed = 200

// Listed is what is listed of all: the first, the last, and how many between them are left out.
func Listed[T any](all []T) (first, last []T, left int) {
	if len(all) <= MaxListed {
		return all, nil, 0
	}
	half := MaxListed / 2
	return all[:half], all[len(all)-half:], len(all) - 2*half
}
