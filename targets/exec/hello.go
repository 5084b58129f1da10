package exec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

// What a program can have at most.
const (
	nodesMost = 100
	txnMost   = 1000
)

// verbs are what a control process can do.
func verbs() []string {
	return []string{
		cluster.CommandStart, typeStop, cluster.CommandKill, cluster.CommandPause, cluster.CommandResume,
		cluster.CommandCut, cluster.CommandHeal, cluster.CommandProbe, typeReady,
	}
}

// check says what is wrong with a hello; nodes is how many were asked for, 0 for any
// number.
func (h *Hello) check(nodes int) error {
	if h.Type != typeHello || h.Protocol != protocol {
		return fmt.Errorf("type is %q and protocol %d, want %q and %d", h.Type, h.Protocol, typeHello, protocol)
	}
	h.Database = strings.ToValidUTF8(tidy(h.Database), "?")
	if strings.TrimSpace(h.Database) == "" {
		return fmt.Errorf("database is empty: want a name and a version, such as Redis 7.0.15")
	}
	if len(h.Nodes) == 0 || len(h.Nodes) > nodesMost {
		return fmt.Errorf("nodes has %d names, want 1 to %d", len(h.Nodes), nodesMost)
	}
	if nodes > 0 && len(h.Nodes) != nodes {
		return fmt.Errorf("it has %d nodes, and --nodes %d asks for another number; leave --nodes out", len(h.Nodes), nodes)
	}
	for _, n := range h.Nodes {
		if !cluster.IsNodeName(n) || n == cluster.Clients {
			return fmt.Errorf("nodes: %q is no name of a node: want lower case letters, digits and hyphens, such as n1", n)
		}
	}
	for _, l := range slices.Concat(h.ReadLevels, h.WriteLevels) {
		if !cluster.IsName(l, 40, "_.:+") {
			return fmt.Errorf("levels: %q is no name of a level: want letters, digits and any of _.:+-", l)
		}
	}
	if len(h.Functions) == 0 {
		return fmt.Errorf("functions is empty: what can clients ask for?")
	}
	var known []string
	for _, f := range functions() {
		known = append(known, f.String())
	}
	for _, list := range []struct {
		name         string
		given, known []string
	}{
		{"nodes", h.Nodes, nil}, {"read_levels", h.ReadLevels, nil}, {"write_levels", h.WriteLevels, nil},
		{"functions", h.Functions, known}, {"control", h.Control, verbs()},
	} {
		for i, name := range list.given {
			if slices.Contains(list.given[:i], name) {
				return fmt.Errorf("%s: %q is there twice", list.name, name)
			}
			if list.known != nil && !slices.Contains(list.known, name) {
				return fmt.Errorf("%s: there is no %q; there are %s", list.name, name, strings.Join(list.known, ", "))
			}
		}
	}
	if h.MaxTxn < 0 || h.MaxTxn > txnMost {
		return fmt.Errorf("max_txn is %d, want 1 to %d", h.MaxTxn, txnMost)
	}
	return h.checkControl()
}

// checkControl wants verbs that can be undone, and seen.
func (h *Hello) checkControl() error {
	for verb, needs := range map[string][]string{
		cluster.CommandKill:  {cluster.CommandStart, typeReady}, // to be started again, and to be seen to be gone
		cluster.CommandPause: {cluster.CommandResume, typeReady},
		cluster.CommandCut:   {cluster.CommandHeal, cluster.CommandProbe}, // to be seen to take effect
		cluster.CommandStart: {typeReady},
	} {
		for _, n := range needs {
			if h.can(verb) && !h.can(n) {
				return fmt.Errorf("control has %s and lacks %s, which goes with it", verb, n)
			}
		}
	}
	return nil
}

// same says whether another process of the program says the same of itself.
func (h *Hello) same(o *Hello) bool {
	return slices.Equal(h.Nodes, o.Nodes) && slices.Equal(h.Functions, o.Functions) &&
		slices.Equal(h.ReadLevels, o.ReadLevels) && slices.Equal(h.WriteLevels, o.WriteLevels) &&
		slices.Equal(h.Control, o.Control) && h.MaxTxn == o.MaxTxn && h.Unmixed == o.Unmixed
}

// operator are the verbs as commands of who runs the nodes.
func (h *Hello) operator() *cluster.Operator {
	verb := func(name string) string {
		if h.can(name) {
			return name + " by the program"
		}
		return ""
	}
	o := &cluster.Operator{Timeout: controlTimeout, Source: "control of the program's hello", Nodes: map[string]cluster.Commands{}}
	for _, n := range h.Nodes {
		o.Nodes[n] = cluster.Commands{
			Cut: verb(cluster.CommandCut), Heal: verb(cluster.CommandHeal), Probe: verb(cluster.CommandProbe),
			Kill: verb(cluster.CommandKill), Start: verb(cluster.CommandStart),
			Pause: verb(cluster.CommandPause), Resume: verb(cluster.CommandResume),
		}
	}
	return o
}

// ready are operations that show that a session works: on a key of their own.
func (h *Hello) ready() []history.Mop {
	funcs := h.funcs()
	for _, f := range []history.Func{history.Read, history.ReadList, history.ReadSet, history.ReadCounter} {
		if !slices.Contains(funcs, f) {
			continue
		}
		if f == history.Read && slices.Contains(funcs, history.Write) {
			return []history.Mop{{Func: history.Write, Key: readyKey, Arg: 1}, {Func: history.Read, Key: readyKey}}
		}
		return []history.Mop{{Func: f, Key: readyKey}}
	}
	return nil
}

// readyKey is a key that no workload comes to.
const readyKey history.Key = 1<<31 - 1
