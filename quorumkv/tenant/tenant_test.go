package tenant

import (
	"strings"
	"testing"
)

// TestScopesAreDisjoint: what is scoped comes apart as it was put together, lies within the range of its tenant, and in no other's.
func TestScopesAreDisjoint(t *testing.T) {
	tenants := []string{"a", "a b", "ab", "b", "a!", "ä", " "}
	keys := []string{"", "k", "k1", "a", " ", "ab"}
	for _, of := range tenants {
		if err := Check(of); err != nil {
			t.Errorf("%q: %v", of, err)
		}
		for _, key := range keys {
			scoped := Scope(of, key)
			if gotTenant, gotKey := Split(scoped); gotTenant != of || gotKey != key {
				t.Errorf("%q of %q comes apart as %q of %q", key, of, gotKey, gotTenant)
			}
			for _, other := range tenants {
				low, high := Range(other, "")
				if inside := low <= scoped && scoped < high; inside != (other == of) {
					t.Errorf("%q of %q is in the range of %q: %v", key, of, other, inside)
				}
			}
			for _, next := range keys[1:] {
				if low, high := Range(of, key); (low <= Scope(of, next) && Scope(of, next) < high) != (next > key) {
					t.Errorf("%q of %q is in the range after %q or not, the wrong way", next, of, key)
				}
			}
		}
	}
	if tenant, key := Split(Scope("", "k")); tenant != "" || key != "k" {
		t.Errorf("a key of nobody is %q of %q", key, tenant)
	}
}

func TestNamesThatAreNone(t *testing.T) {
	for _, name := range []string{"a\x1fb", "a\n", "\x00", "\xff", strings.Repeat("a", MaxName+1)} {
		if Check(name) == nil {
			t.Errorf("%q can be a tenant's name", name)
		}
	}
}
