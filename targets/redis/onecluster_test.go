package redis

import (
	"fmt"
	"strings"
	"testing"

	driver "github.com/redis/go-redis/v9"
)

// TestOneCluster: --at names nodes of one cluster, each once. A node that is not of it would be
// counted, and what happens to it would prove nothing.
func TestOneCluster(t *testing.T) {
	sees := func(ids ...string) []driver.ClusterSlot {
		var out []driver.ClusterSlot
		for i, id := range ids {
			out = append(out, driver.ClusterSlot{Start: i, End: i, Nodes: []driver.ClusterNode{{ID: id}}})
		}
		return out
	}
	for _, c := range []struct {
		name string
		all  []member
		want string
	}{
		{"one node", []member{{"a:1", "a", sees("a")}}, ""},
		{"two nodes", []member{{"a:1", "a", sees("a", "b")}, {"b:1", "b", sees("a", "b")}}, ""},
		{"a primary without slots", []member{{"a:1", "a", sees("a")}, {"b:1", "b", sees("a")}}, ""},
		{"one has not heard of a failover", []member{{"a:1", "a", sees("a", "b")}, {"b:1", "b", sees("c", "b")}, {"c:1", "c", sees("a", "b")}}, ""},
		{"nobody has slots yet", []member{{"a:1", "a", nil}, {"b:1", "b", nil}}, ""},
		{"two clusters", []member{{"a:1", "a", sees("a")}, {"b:1", "b", sees("b")}}, "a:1 and b:1 are not of one cluster"},
		{"the third is another's", []member{{"a:1", "a", sees("a", "b")}, {"b:1", "b", sees("a", "b")}, {"c:1", "c", sees("c")}}, "a:1 and c:1 are not of one cluster"},
		{"one that was never taken in", []member{{"a:1", "a", sees("a")}, {"b:1", "b", nil}}, "a:1 and b:1 are not of one cluster"},
		{"a server without a cluster", []member{{"a:1", "a", sees("a")}, {"b:1", "", nil}}, "b:1 is in no cluster"},
		{"a server without a cluster is first", []member{{"a:1", "", nil}, {"b:1", "b", sees("b")}}, "a:1 is in no cluster"},
	} {
		err := oneCluster(c.all)
		if c.want == "" && err != nil || c.want != "" && !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
