package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func multiLeader(conflicts multileader.Conflicts) func(*Config) {
	return func(cfg *Config) {
		cfg.Mode, cfg.Regions, cfg.Conflicts = multileader.Mode, 2, conflicts
	}
}

// Counters, sets and values of one name are three things, through a leader and through a node that is none; and what comes back is what was
// done.
func TestMultiLeaderTypes(t *testing.T) {
	c := startCluster(t, 3, false, multiLeader(multileader.CRDT)) // n1 leads n2; n3 is alone
	for _, node := range []string{"n1", "n2"} {
		through := c.clients[node]
		if _, err := through.Increment(within(t), "a", 5, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := through.Increment(within(t), "a", -2, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := through.SetAdd(within(t), "a", node, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := through.Put(within(t), "a", []byte(node), ""); err != nil {
			t.Fatal(err)
		}
	}
	total, err := c.clients["n2"].Total(within(t), "a", "leader")
	if err != nil || total.Total != 6 || !slices.Equal(total.Answered, []string{"n1"}) {
		t.Errorf("the counter is %+v, %v", total, err)
	}
	elements, err := c.clients["n2"].Elements(within(t), "a", "")
	if err != nil || !slices.Equal(elements.Elements, []string{"n1", "n2"}) {
		t.Errorf("the set is %+v, %v", elements, err)
	}
	if _, err := c.clients["n1"].SetRemove(within(t), "a", "n1", ""); err != nil {
		t.Fatal(err)
	}
	var e *client.Error
	if _, err := c.clients["n1"].SetRemove(within(t), "a", "n1", ""); !errors.As(err, &e) || e.Status != 412 || e.Outcome != protocol.NotWritten {
		t.Errorf("an element that is gone was removed: %v", err)
	}
	if v, err := c.clients["n2"].Get(within(t), "a", "leader", ""); err != nil || string(v.Bytes()) != "n2" {
		t.Errorf("the value is %+v, %v", v, err)
	}
}

// The fields of a map are told apart by name and type, through a leader and through a node that is none; an empty value is a value; and a map is
// none of the other things of its name.
func TestMultiLeaderMaps(t *testing.T) {
	for _, conflicts := range []multileader.Conflicts{multileader.CRDT, multileader.LastWriteWins} {
		c := startCluster(t, 3, false, multiLeader(conflicts))
		empty, x := "", "x"
		for _, by := range []protocol.FieldChange{{Field: "f", Increment: 5}, {Field: "f", Increment: -2}, {Field: "f", Add: "e1"}, {Field: "f", Add: "e2"}, {Field: "f", Remove: "e1"},
			{Field: "g", Assign: &x}, {Field: "g", Assign: &empty}, {Field: "h", Add: "gone"}, {Field: "h", Drop: true}} {
			for _, node := range []string{"n1", "n2"} {
				if _, err := c.clients[node].ChangeField(within(t), "a", by, ""); err != nil {
					if by.Remove == "" && !by.Drop || node == "n1" {
						t.Fatalf("%s: %+v through %s: %v", conflicts, by, node, err)
					}
				} else if (by.Remove != "" || by.Drop) && node == "n2" {
					t.Errorf("%s: %+v was done twice", conflicts, by)
				}
			}
		}
		got, err := c.clients["n2"].Fields(within(t), "a", "")
		total := int64(6)
		want := []protocol.Field{{Field: "f", Type: "counter", Total: &total}, {Field: "f", Type: "set", Elements: []string{"e2"}}, {Field: "g", Type: "register", Values: []string{""}}}
		if err != nil || !reflect.DeepEqual(got.Fields, want) {
			b, _ := json.Marshal(got)
			t.Errorf("%s: the map is %s, %v", conflicts, b, err)
		}
		if set, err := c.clients["n1"].Elements(within(t), "f", ""); err != nil || len(set.Elements) > 0 {
			t.Errorf("%s: the set of that name is %+v, %v", conflicts, set, err)
		}
	}
}

// Writes with what was read replace it; without that they are kept beside it.
func TestMultiLeaderSiblings(t *testing.T) {
	c := startCluster(t, 2, false, multiLeader(multileader.Siblings))
	one := c.clients["n1"]
	put := func(value string, seen []byte) {
		t.Helper()
		if _, err := one.PutSeen(within(t), "a", []byte(value), seen, ""); err != nil {
			t.Fatal(err)
		}
	}
	get := func() *protocol.Value {
		t.Helper()
		v, err := one.Get(within(t), "a", "", "")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	put("x", nil)
	put("y", nil)
	both := get()
	if len(both.Siblings) != 2 {
		t.Fatalf("two writes that did not know of each other are %+v", both)
	}
	put("z", both.Context)
	if v := get(); len(v.Siblings) != 1 || string(v.Bytes()) != "z" {
		t.Errorf("after a write over both there is %+v", v)
	}
	var e *client.Error
	if _, err := one.PutSeen(within(t), "a", []byte("x"), []byte{1}, ""); !errors.As(err, &e) || e.Code != string(engine.CodeBadContext) || e.Outcome != protocol.NotWritten {
		t.Errorf("a context that is none: %v", err)
	}
	if _, err := one.Increment(within(t), "a", 1, ""); !errors.As(err, &e) || e.Code != string(engine.CodeTypes) {
		t.Errorf("a counter: %v", err)
	}
}

// What is no change is refused with one sentence that says what would be.
func TestTypedRefusals(t *testing.T) {
	c := startCluster(t, 2, false, multiLeader(multileader.CRDT))
	leaderless := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	for _, tc := range []struct {
		name, method, url, body, want string
	}{
		{"no number", "POST", c.addrs["n1"] + "/counter/a", `{"add": "x"}`, "want {"},
		{"nothing to add", "POST", c.addrs["n1"] + "/counter/a", `{}`, "not 0"},
		{"too much", "POST", c.addrs["n1"] + "/counter/a", `{"add": 9000000000000}`, "add: 9000000000000 must be between"},
		{"an unknown field", "POST", c.addrs["n1"] + "/set/a", `{"put": "x"}`, "unknown field"},
		{"both", "POST", c.addrs["n1"] + "/set/a", `{"add": "x", "remove": "y"}`, "want one of add and remove"},
		{"a method", "PUT", c.addrs["n1"] + "/set/a", `x`, "GET and POST are"},
		{"a level", "POST", c.addrs["n1"] + "/set/a?w=QUORUM", `{"add": "x"}`, "there is leader"},
		{"a read level", "GET", c.addrs["n1"] + "/set/a?r=ONE", ``, "there is leader, local"},
		{"no field", "POST", c.addrs["n1"] + "/map/a", `{"add": "x"}`, "want a name"},
		{"nothing to do with a field", "POST", c.addrs["n1"] + "/map/a", `{"field": "f"}`, "want one of increment"},
		{"two things to do with a field", "POST", c.addrs["n1"] + "/map/a", `{"field": "f", "add": "x", "drop": true}`, "want one of increment"},
		{"too much for a field", "POST", c.addrs["n1"] + "/map/a", `{"field": "f", "increment": 9000000000000}`, "increment: 9000000000000 must be between"},
		{"an unknown thing to do with a field", "POST", c.addrs["n1"] + "/map/a", `{"field": "f", "put": "x"}`, "unknown field"},
		{"a field with too long a name", "POST", c.addrs["n1"] + "/map/a", `{"field": "` + strings.Repeat("f", 513) + `", "add": "x"}`, "up to 512 bytes"},
		{"a field twice", "POST", c.addrs["n1"] + "/map/a", `{"field": "f", "add": "x", "add": "y"}`, "add"},
		{"more after the body", "POST", c.addrs["n1"] + "/map/a", `{"field": "f", "add": "x"} {}`, "ollows"},
		{"a field that is not there", "POST", c.addrs["n1"] + "/map/a", `{"field": "f", "drop": true}`, "not in the map here"},
		{"maps in a mode without types", "POST", leaderless.addrs["n1"] + "/map/a", `{"field": "f", "add": "x"}`, "types_unsupported"},
		{"compare-and-set", "POST", c.addrs["n1"] + "/cas/a", ``, "compare_and_set_unsupported"},
		{"a mode without types", "POST", leaderless.addrs["n1"] + "/counter/a", `{"add": 1}`, "types_unsupported"},
	} {
		_, body := request(t, tc.method, "http://"+tc.url, tc.body)
		var out protocol.ErrorBody
		if err := json.Unmarshal([]byte(body), &out); err != nil || !strings.Contains(body, tc.want) && !strings.Contains(out.Error.Message, tc.want) {
			t.Errorf("%s: %s, want %q", tc.name, body, tc.want)
		}
		if tc.method != "GET" && out.Error.Outcome != protocol.NotWritten {
			t.Errorf("%s: the outcome is %q", tc.name, out.Error.Outcome)
		}
	}
}

// A key that would be too large for other nodes is refused with the way out, and is told to them as it was.
func TestAFullKey(t *testing.T) {
	c := startCluster(t, 2, false, multiLeader(multileader.CRDT))
	told := 0
	for n := range 20 {
		_, err := c.clients["n1"].ChangeField(within(t), "a", protocol.FieldChange{Field: fmt.Sprint("f", n), Add: strings.Repeat("x", 60<<10)}, "")
		var e *client.Error
		switch {
		case err == nil && told == n:
			told++
		case !errors.As(err, &e) || e.Status != http.StatusRequestEntityTooLarge || e.Code != protocol.CodeValueTooLarge || e.Outcome != protocol.NotWritten || !strings.Contains(e.Message, "use more keys"):
			t.Fatalf("number %d of which %d were taken: %v", n, told, err)
		}
	}
	if told < 5 || told == 20 {
		t.Errorf("%d of 20 fields were taken", told)
	}
	eventually(t, "n2 has all fields that were taken", func() bool {
		got, err := c.clients["n2"].Fields(within(t), "a", "")
		return err == nil && len(got.Fields) == told
	})
}

// Settings that this mode does not have, or cannot serve, are refused.
func TestMultiLeaderConfig(t *testing.T) {
	good := Default()
	good.Node, good.DataDir, good.Peers = "n1", t.TempDir(), map[string]string{"n2": "127.0.0.1:7402"}
	multiLeader(multileader.CRDT)(&good)
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.Mode = Default().Mode
	bad.Replication = 2
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "conflicts: is a setting of mode multi-leader") {
		t.Errorf("a setting of another mode: %v", err)
	}
	bad = good
	bad.Regions = 3
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "regions: 3 must be between 1 and the number of nodes, 2") {
		t.Errorf("more regions than nodes: %v", err)
	}
}
