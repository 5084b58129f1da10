package external

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

var three = []string{"n1", "n2", "n3"}

func TestOperator(t *testing.T) {
	op, err := parseOperator("op.yaml", []byte("timeout: 5s\nall:\n  kill: stop $LAPSE_NODE\n  start: go $LAPSE_NODE\nnodes:\n  n2:\n    kill: other\n"), three)
	if err != nil {
		t.Fatal(err)
	}
	if op.Timeout != 5*time.Second || op.Nodes["n1"].Kill != "stop $LAPSE_NODE" || op.Nodes["n2"].Kill != "other" || op.Nodes["n2"].Start != "go $LAPSE_NODE" {
		t.Errorf("%+v", op)
	}
	if missing := op.Missing(three, cluster.CommandKill, cluster.CommandStart); len(missing) > 0 {
		t.Errorf("missing: %v", missing)
	}
	if missing := strings.Join(op.Missing([]string{"n3"}, cluster.CommandKill, cluster.CommandPause), " "); missing != "n3.pause" {
		t.Errorf("missing: %v", missing)
	}
}

func TestBadOperator(t *testing.T) {
	t.Setenv("SOME_TOKEN", "hunter2hunter2")
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":     {"all:\n  kil: stop\n", "op.yaml:[2:3] unknown field \"kil\""},
		"and its line":    {"all:\n  kil: stop\n", "kil: stop"},
		"the keys":        {"al: {kill: stop}\n", "timeout, all and nodes"},
		"no YAML":         {"all: [", "op.yaml:"},
		"unknown node":    {"nodes: {n4: {kill: stop}}\n", "no node \"n4\"; the addresses of --at are called, in their order, n1, n2, n3"},
		"timeout":         {"timeout: soon\nall: {kill: stop}\n", "such as 30s"},
		"nothing":         {"timeout: 5s\n", "no commands"},
		"a secret":        {"all: {kill: 'PGPASSWORD=hunter stop'}\n", "kill of n1 has a secret in it"},
		"in a URL":        {"all: {kill: 'psql postgres://me:hunter@db'}\n", "has a secret in it"},
		"of the variable": {"all: {kill: 'stop hunter2hunter2'}\n", "has a secret in it"},
		"in a broken one": {"al: {kill: 'stop --password=hunter2'}\n", "has a secret in it"},
	} {
		_, err := parseOperator("op.yaml", []byte(c.text), three)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the secret is told: %v", name, err)
		}
	}
	if _, err := parseOperator("op.yaml", []byte("all: {kill: 'PGPASSWORD=$SECRET stop --password-file /etc/x; curl -H \"token: $TOKEN\"'}\n"), three); err != nil {
		t.Errorf("a secret in a variable: %v", err)
	}
	if _, err := ReadOperator(os.DevNull+"/none", three); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestRedact(t *testing.T) {
	t.Setenv("MY_PASSWORD", "swordfish")
	t.Setenv("MY_PASSWORD_LONG", "swordfish-and-more")
	if got := Redact("it was swordfish-and-more, not swordfish"); got != "it was ***, not ***" {
		t.Error(got)
	}
}

// TestOrders: the smaller side of a partition is cut off, by as few commands as
// that takes.
func TestOrders(t *testing.T) {
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	c := &external{operator: &cluster.Operator{}}
	for _, n := range nodes {
		c.nodes = append(c.nodes, &node{name: n})
	}
	w := &network{cluster: c, cut: map[string][]string{}}
	split := func(a, b []string) []cluster.Link {
		var out []cluster.Link
		for _, x := range a {
			for _, y := range b {
				out = append(out, cluster.Both(x, y)...)
			}
		}
		return out
	}
	for _, k := range []struct {
		a, b []string
		want string
	}{
		{nodes[2:3], []string{"n1", "n2", "n4", "n5"}, "n3:n1,n2,n4,n5"},
		{nodes[:2], nodes[2:], "n1:n3,n4,n5 n2:n3,n4,n5"},
		{nodes[3:], nodes[:3], "n4:n1,n2,n3 n5:n1,n2,n3"},
	} {
		pairs, err := pairsOf(split(k.a, k.b))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range w.orders(pairs) {
			got = append(got, o.node+":"+strings.Join(o.peers, ","))
		}
		if strings.Join(got, " ") != k.want {
			t.Errorf("%v | %v: %v, want %s", k.a, k.b, got, k.want)
		}
	}
	if _, err := pairsOf([]cluster.Link{{From: "n1", To: "n2"}}); err == nil || !strings.Contains(err.Error(), "both directions") {
		t.Errorf("one way: %v", err)
	}
	if _, err := pairsOf(cluster.Both("n1", cluster.Clients)); err == nil {
		t.Error("the clients were cut off")
	}
}
