package ability

import "context"

// Ranges says that the database keeps its keys in ranges, which can be split, merged and moved while it serves.
var Ranges Ability = of[RangeChanger]{"ranges", "ranges of keys that can be split, merged and moved"}

// KeyRange is one of the ranges. Keys are spelled as the database has them.
type KeyRange struct {
	// From is the first key, empty for the first range; it goes up to the next range's.
	From string
	// Middle is a key of the range at which it could be split; empty where there is none.
	Middle string
	Keys   int64
	// Nodes are those that hold it.
	Nodes []string
}

// RangeChanger is the interface of Ranges. It may be called from several goroutines at once; what they ask for is done one after the other. Changes return when all nodes that are members
// serve what they made, with what they moved in words; that it was so before is no error.
type RangeChanger interface {
	// Ranges are all ranges in the order of their keys. It is an error while nodes do not say the same of them, such as when one is down or a change goes on.
	Ranges(ctx context.Context) ([]KeyRange, error)
	// SplitRange makes a range begin at a key.
	SplitRange(ctx context.Context, at string) (moved string, err error)
	// MergeRanges makes the range that begins at a key a part of the one before it.
	MergeRanges(ctx context.Context, at string) (moved string, err error)
	// MoveRange takes the range that has a key from one of its nodes to another.
	MoveRange(ctx context.Context, key, from, to string) (moved string, err error)
}
