package history

import "strconv"

// Fielding is how many fields each map of a run has; 0 for keys that are in no map.
type Fielding int

// FieldingOf is the fielding that a header's attributes tell of.
func FieldingOf(attributes map[string]string) Fielding {
	n, err := strconv.Atoi(attributes[AttributeFields])
	if err != nil || n < 1 {
		return 0
	}
	return Fielding(n)
}

// Map is the key of the map that key k is a field of; without fields it is k itself.
func (f Fielding) Map(k Key) Key {
	if f == 0 {
		return k
	}
	return k / Key(f)
}

// Field is the name of key k in its map; empty without fields.
func (f Fielding) Field(k Key) string {
	if f == 0 {
		return ""
	}
	return "f" + strconv.FormatUint(uint64(k)%uint64(f), 10)
}
