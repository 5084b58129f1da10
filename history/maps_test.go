package history

import "testing"

// TestFielding: every key is one field of one map, and no two keys are the same field.
func TestFielding(t *testing.T) {
	for _, n := range []Fielding{0, 1, 2, 5} {
		type place struct {
			in    Key
			field string
		}
		seen := map[place]Key{}
		for k := range Key(50) {
			p := place{n.Map(k), n.Field(k)}
			if other, taken := seen[p]; taken {
				t.Errorf("with %d fields a map, %s and %s are both field %q of map %s", n, k, other, p.field, p.in)
			}
			seen[p] = k
			if (p.field == "") != (n == 0) {
				t.Errorf("with %d fields a map, %s is field %q", n, k, p.field)
			}
		}
	}
	for text, want := range map[string]Fielding{"3": 3, "": 0, "x": 0, "-1": 0, "0": 0} {
		if got := FieldingOf(map[string]string{AttributeFields: text}); got != want {
			t.Errorf("%q tells of %d fields, want %d", text, got, want)
		}
	}
}
