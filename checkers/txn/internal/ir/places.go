package ir

import "math"

// Unobserved is the place of a version that nobody read: after all others.
const Unobserved = math.MaxInt32

// PlaceOf is the place of list version w for comparisons: unobserved ones come
// last, and those without a place are never newer than anything.
func (r *IR) PlaceOf(w int32) int32 {
	if p := r.VerPos[w]; p != Unseen {
		return p
	}
	return Unobserved
}

// Places of versions that the longest list of their key does not have.
const (
	Unseen   = -1
	Unplaced = -2
)

// CommittedAt is the node of the version at place i of the order of key k, -1
// if there is none that committed.
func (r *IR) CommittedAt(k, i int32) int32 {
	w := r.Versions[r.VerOff[k]+i]
	if w < 0 || r.VerPos[w] != i {
		return -1
	}
	return r.Node[r.Writes[w].Op]
}
