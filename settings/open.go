package settings

import "reflect"

// bit is that of the setting among those that were given.
func (s Setting) bit() uint64 { return 1 << s.index }

// Open tells whether a setting was left at its default, so that others may decide it: nobody gave it, and it
// has no other value. field points to its field of r; it is not open if it is none. Given is
// what Set or SetFields read, be it the default, and what stood in r before WithDefaults filled
// in the first default. Who changes a field of Defaults to the value that it has there has not given it.
func (r *Run) Open(field any) bool {
	for _, s := range all {
		if s.value(r).Addr().Interface() == field {
			return r.said&s.bit() == 0 && s.IsDefault(r)
		}
	}
	return false
}

// Unsaid is r as if nobody had given any of its settings; it has the values of r.
func (r Run) Unsaid() Run {
	r.said, r.filled = 0, true
	return r
}

// Differing are the flags of the settings in which a and b differ.
func Differing(a, b *Run) []string {
	var out []string
	for _, s := range all {
		if !reflect.DeepEqual(s.value(a).Interface(), s.value(b).Interface()) {
			out = append(out, s.Flag)
		}
	}
	return out
}
