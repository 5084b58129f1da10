package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Region is a place with nodes. What its nodes send to each other is as quick as the
// provider carries it, unless the topology has a round trip from the region to itself.
type Region struct {
	// Name is unique among the regions, and not Clients.
	Name string
	// Nodes are names of the Spec's nodes.
	Nodes []string
}

// Topology says in which regions nodes are and how far those are apart for a whole run.
// A nil Topology has no regions. It does not change.
type Topology struct {
	// Regions are in the order in which they were named, and so are their nodes.
	Regions []Region
	// Ways are those between two regions, between a region and Clients, and inside a
	// region, of which it is known how long they take; the others take no time.
	Ways []Way
}

// Way is a connection between two ends, each a region or Clients.
type Way struct {
	// A and B are the names of the ends, which may be the same region.
	A, B string
	// RoundTrip is the time from A to B and back, half of it in each direction; at most
	// LongestRoundTrip.
	RoundTrip time.Duration
}

// String is "eu-us".
func (w Way) String() string { return w.A + "-" + w.B }

// LongestRoundTrip is the most that a Way can have.
const LongestRoundTrip = 10 * time.Second

// ParseTopology reads regions such as "eu=2,us=1", which get the nodes in their order,
// and round trips between them such as "eu-us=80ms,clients-us=5ms". Both empty is nil.
// The error of either says what it must be.
func ParseTopology(regions, latency string, nodes []string) (*Topology, error) {
	switch {
	case regions == "" && latency == "":
		return nil, nil
	case regions == "":
		return nil, errors.New("round trips between regions need the regions: give them as topology, such as eu=2,us=1")
	case latency == "":
		return nil, errors.New("regions need to be apart: give the round trips between them as latency, such as eu-us=80ms")
	}
	t := &Topology{}
	left := nodes
	for part := range strings.SplitSeq(regions, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || n < 1 || !IsNodeName(name):
			return nil, fmt.Errorf("the topology must be regions with how many nodes are there, such as eu=2,us=1, and %q is none", part)
		case name == Clients:
			return nil, fmt.Errorf("no region can be called %s: that is where the clients are", Clients)
		case t.region(name) != nil:
			return nil, fmt.Errorf("the region %s is there twice", name)
		case n > len(left):
			return nil, fmt.Errorf("the topology has more nodes than the %d there are", len(nodes))
		}
		t.Regions = append(t.Regions, Region{Name: name, Nodes: left[:n:n]})
		left = left[n:]
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("the topology has no region for %s: its numbers must add up to %d", strings.Join(left, " "), len(nodes))
	}
	for part := range strings.SplitSeq(latency, ",") {
		w, err := t.way(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(t.Ways, func(o Way) bool { return o.String() == w.String() || o.A == w.B && o.B == w.A }) {
			return nil, fmt.Errorf("the latency of %s is there twice", w)
		}
		t.Ways = append(t.Ways, w)
	}
	return t, nil
}

func (t *Topology) region(name string) *Region {
	i := slices.IndexFunc(t.Regions, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Regions[i]
}

// way reads "eu-us=80ms". Names of regions may have hyphens in them.
func (t *Topology) way(part string) (Way, error) {
	ends, text, _ := strings.Cut(part, "=")
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > LongestRoundTrip {
		return Way{}, fmt.Errorf("a latency must be a round trip of at most %s between two regions, such as eu-us=80ms, and %q is none", LongestRoundTrip, part)
	}
	var found []Way
	for i := range len(ends) {
		if a, b := ends[:i], ends[min(i+1, len(ends)):]; ends[i] == '-' && t.isEnd(a) && t.isEnd(b) && (a != Clients || b != Clients) {
			found = append(found, Way{A: a, B: b, RoundTrip: d})
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		names := []string{Clients}
		for _, r := range t.Regions {
			names = append(names, r.Name)
		}
		return Way{}, fmt.Errorf("the latency %q is not between two of %s", part, strings.Join(names, ", "))
	}
	return Way{}, fmt.Errorf("the latency %q can be read as %s of %s or of %s: rename a region", part, d, found[0].A+" and "+found[0].B, found[1].A+" and "+found[1].B)
}

func (t *Topology) isEnd(name string) bool { return name == Clients || t.region(name) != nil }

// members are the ends of links that a Way's end stands for.
func (t *Topology) members(end string) []string {
	if r := t.region(end); r != nil {
		return r.Nodes
	}
	return []string{end}
}

// Pairs are the links of a Way in one direction, each pair of ends once.
func (t *Topology) Pairs(w Way) []Link {
	var out []Link
	for _, a := range t.members(w.A) {
		for _, b := range t.members(w.B) {
			if a != b && !slices.Contains(out, Link{b, a}) {
				out = append(out, Link{a, b})
			}
		}
	}
	return out
}

// Links are the qualities of the links that have a round trip, for Spec.Links.
func (t *Topology) Links() map[Link]Quality {
	if t == nil {
		return nil
	}
	out := map[Link]Quality{}
	for _, w := range t.Ways {
		for _, l := range t.Pairs(w) {
			out[l] = Quality{Delay: w.RoundTrip / 2}
			out[Link{l.To, l.From}] = Quality{Delay: w.RoundTrip - w.RoundTrip/2}
		}
	}
	return out
}
