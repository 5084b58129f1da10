package placement

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func table(t *testing.T, nodes, n int, splits ...string) (Table, Placement) {
	t.Helper()
	p := must(t, Options{Partitioner: Range, Nodes: names(nodes), Replication: n, SplitPoints: splits})
	tab, ok := TableOf(p)
	if !ok {
		t.Fatal("ranges have no table")
	}
	return tab, p
}

func TestStepsOfATable(t *testing.T) {
	tab, _ := table(t, 4, 2, "k3", "k6") // on n1 n2, n2 n3, n3 n4
	h := func(from string, nodes ...string) Holding { return Holding{from, nodes} }
	for _, tc := range []struct {
		what  string
		do    func() (Table, error)
		want  Table
		wrong string
	}{
		{"split", func() (Table, error) { return tab.Split("k4") }, Table{h("", "n1", "n2"), h("k3", "n2", "n3"), h("k4", "n2", "n3"), h("k6", "n3", "n4")}, ""},
		{"split where a range begins", func() (Table, error) { return tab.Split("k3") }, nil, `begins at "k3" already`},
		{"split at nothing", func() (Table, error) { return tab.Split("") }, nil, "no key below"},
		{"merge", func() (Table, error) { return tab.Merge("k6") }, Table{h("", "n1", "n2"), h("k3", "n2", "n3")}, ""},
		{"merge the first", func() (Table, error) { return tab.Merge("") }, nil, "first key of no range"},
		{"merge within a range", func() (Table, error) { return tab.Merge("k4") }, nil, "first key of no range"},
		{"move", func() (Table, error) { return tab.Move("k5", "n2", "n4") }, Table{h("", "n1", "n2"), h("k3", "n4", "n3"), h("k6", "n3", "n4")}, ""},
		{"move the first", func() (Table, error) { return tab.Move("", "n2", "n4") }, Table{h("", "n1", "n4"), h("k3", "n2", "n3"), h("k6", "n3", "n4")}, ""},
		{"move from where it is not", func() (Table, error) { return tab.Move("k5", "n1", "n4") }, nil, "not on"},
		{"move to where it is", func() (Table, error) { return tab.Move("k5", "n2", "n3") }, nil, "on n3 already"},
	} {
		before := fmt.Sprint(tab)
		got, err := tc.do()
		if tc.wrong == "" && (err != nil || !reflect.DeepEqual(got, tc.want)) || tc.wrong != "" && (err == nil || !strings.Contains(err.Error(), tc.wrong)) {
			t.Errorf("%s: %v, %v; want %v, %q", tc.what, got, err, tc.want, tc.wrong)
		}
		if fmt.Sprint(tab) != before {
			t.Errorf("%s changed the table that it began with: %v", tc.what, tab)
		}
	}
}

// A table that is none is refused; each differs in one thing from one that is.
func TestTablesThatAreNone(t *testing.T) {
	good, p := table(t, 4, 2, "k3")
	if _, err := Assign(p, good); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(Table) Table{
		"no ranges":           func(Table) Table { return nil },
		"no first range":      func(t Table) Table { return t[1:] },
		"a node too few":      func(t Table) Table { t[1].Nodes = t[1].Nodes[:1]; return t },
		"a node twice":        func(t Table) Table { t[1].Nodes = []string{"n2", "n2"}; return t },
		"a node that is none": func(t Table) Table { t[1].Nodes = []string{"n2", "n9"}; return t },
		"two of one key":      func(t Table) Table { return append(t, Holding{"k3", []string{"n1", "n2"}}) },
		"no text":             func(t Table) Table { t[1].From = "\xff"; return t },
	} {
		if _, err := Assign(p, change(good.clone())); err == nil {
			t.Errorf("%s: is a table", what)
		}
	}
	if _, err := Assign(must(t, Options{Partitioner: Modulo, Nodes: names(4), Replication: 2}), good); err == nil {
		t.Error("partitioner modulo has ranges")
	}
}

// Random steps, and nodes that come and go: each key has N distinct replicas that are nodes, and those are what a look at each range in turn finds; what no step touches stays where it is; who takes keys is
// who is found to by comparing them one by one; and what joins and leaves moves no more than it has to.
func TestTablesUnderRandomSteps(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 12))
	keys := make([]string, 300)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%03d", i)
	}
	naive := func(tab Table, key string) (nodes []string) {
		for _, h := range tab {
			if h.From <= key {
				nodes = h.Nodes
			}
		}
		return nodes
	}
	for range 20 {
		n := 1 + r.IntN(3)
		tab, p := table(t, 5, n, splits(keys, 1+r.IntN(10))...)
		for range 40 {
			at := keys[r.IntN(len(keys))]
			nodes := p.Nodes()
			var next Table
			var err error
			do := r.IntN(4)
			switch do {
			case 0:
				next, err = tab.Split(at)
			case 1:
				next, err = tab.Merge(tab[tab.Index(at)].From)
			case 2:
				next, err = tab.Move(at, nodes[r.IntN(len(nodes))], nodes[r.IntN(len(nodes))])
			case 3:
				nodes = names(8)
				r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
				nodes = nodes[:n+r.IntN(6)]
				next = tab.Onto(nodes)
			}
			if err != nil {
				continue
			}
			q, err := Assign(must(t, Options{Partitioner: Range, Nodes: nodes, Replication: n}), next)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			touched := 0
			takers := map[string]bool{}
			for _, key := range keys {
				got := q.Replicas(key)
				if !slices.Equal(got, naive(next, key)) || len(slices.Compact(slices.Sorted(slices.Values(got)))) != n {
					t.Fatalf("seed %d: %s is on %v, want %v", seed, key, got, naive(next, key))
				}
				if beyond := slices.Concat(got, q.Beyond(key)); !slices.Equal(slices.Sorted(slices.Values(beyond)), q.Nodes()) {
					t.Errorf("seed %d: %s is on %v, and beyond that are %v", seed, key, got, q.Beyond(key))
				}
				if !slices.Equal(got, p.Replicas(key)) {
					touched++
				}
				for _, node := range got {
					takers[node] = takers[node] || !slices.Contains(p.Replicas(key), node)
				}
			}
			if do == 0 && touched > 0 {
				t.Errorf("seed %d: a split moves %d keys", seed, touched)
			}
			found, ok := Takers(p, q)
			for node, takes := range takers {
				if !ok || takes && !slices.Contains(found, node) {
					t.Errorf("seed %d: %s takes keys, and takers are %v", seed, node, found)
				}
			}
			if do == 3 {
				moves(t, seed, tab, next, nodes)
			}
			tab, p = next, q
		}
	}
}

// moves checks that of a table's ranges no more moved than what was on who left, and as much to who joined as makes them even.
func moves(t *testing.T, seed uint64, before, after Table, is []string) {
	t.Helper()
	var was []string // who held any
	for _, h := range before {
		was = append(was, h.Nodes...)
	}
	load := map[string]int{}
	for i, h := range after {
		for at, node := range h.Nodes {
			load[node]++
			if old := before[i].Nodes[at]; old != node && slices.Contains(is, old) && slices.Contains(was, node) {
				t.Errorf("seed %d: from %q on, %s took from %s, and both stay", seed, h.From, node, old)
			}
		}
	}
	most := 0
	for _, node := range is {
		most = max(most, load[node])
	}
	least := most
	for _, node := range is {
		if !slices.Contains(was, node) {
			least = min(least, load[node])
		}
	}
	if most-least > 1 {
		t.Errorf("seed %d: who joined has %d of the ranges, another %d: %v", seed, least, most, after)
	}
}
