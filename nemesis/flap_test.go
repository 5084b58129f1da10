package nemesis

import (
	"context"
	"testing"
)

// TestFlapEndsHalfWay: a fault that ends while its links go up or down leaves none of
// them cut, and none of another fault's healed.
func TestFlapEndsHalfWay(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct {
		name string
		last func(*flap, *scene) error
	}{
		{"while they go down", func(f *flap, s *scene) error { return f.goDown(ended, s) }},
		{"while they come up", func(f *flap, s *scene) error { return f.comeUp(ended, s) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := newFake(3, lies{})
			s := fake.scene()
			links, err := parseLinks([]string{"n1>n2", "n2>n1", "n1>n3", "n3>n1"}, fake.names)
			if err != nil {
				t.Fatal(err)
			}
			other := links[:1]
			s.ledger.cut(other)
			if err := s.Cluster.Network().Cut(t.Context(), other...); err != nil {
				t.Fatal(err)
			}
			f := &flap{node: "n1", links: links}
			if err := f.goDown(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if err := f.comeUp(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if err := f.goDown(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if c.name == "while they go down" {
				if err := f.comeUp(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.last(f, s); err != nil {
				t.Fatal(err)
			}
			if err := f.heal(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			fake.mu.Lock()
			defer fake.mu.Unlock()
			if _, still := fake.cut[other[0]]; len(fake.cut) != 1 || !still {
				t.Errorf("cut are %v, want %v", fake.cut, other)
			}
		})
	}
}

// TestLinksWithoutAPrimary: a database whose nodes all take writes says which links
// carry something without one.
func TestLinksWithoutAPrimary(t *testing.T) {
	for _, talks := range []bool{true, false} {
		fake := newFake(3, lies{})
		s := fake.scene()
		s.System, s.Talks = nil, func(string, string, string) bool { return talks }
		links, err := parseLinks([]string{"n1>n2"}, fake.names)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.mustCarry(t.Context(), links); (err == nil) != talks {
			t.Errorf("something is sent: %v, but %v", talks, err)
		}
	}
}
