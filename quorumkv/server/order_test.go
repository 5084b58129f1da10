package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// What modes with one order of writes, and a leader who decides it, have in common.

// leader waits until all these nodes know the same leader, and returns it.
func (c *cluster) leader(t testing.TB, among ...string) string {
	t.Helper()
	leader := ""
	eventually(t, "one leader is known to all", func() bool {
		seen := map[string]bool{}
		for _, name := range among {
			h, err := c.clients[name].Health(t.Context())
			if err != nil {
				return false
			}
			leader = h.Leader
			seen[leader] = true
		}
		return len(seen) == 1 && leader != ""
	})
	return leader
}

// others are the nodes that are not this one.
func (c *cluster) others(name string) []string {
	var out []string
	for n := range c.clients {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

// comparesAndSets tries conditional writes in a mode that has them, with a level of reads that sees every acknowledged write.
func comparesAndSets(t *testing.T, mode func(*Config), level string) {
	t.Helper()
	c := startCluster(t, 3, false, mode)
	c.leader(t, "n1", "n2", "n3")
	url := "http://" + c.addrs["n2"] + "/kv/k"
	for _, tc := range []struct {
		name   string
		header []string
		status int
		says   string
	}{
		{"the key must be absent and is", []string{"If-None-Match", "*"}, 200, `"w":2`},
		{"the key must be absent and is not", []string{"If-None-Match", "*"}, 412, `"outcome":"not_written"`},
		{"another version", []string{"If-Match", `"1000000"`}, 412, "precondition_failed"},
		{"no version", []string{"If-Match", "7"}, 400, "in quotes"},
		{"two conditions", []string{"If-Match", `"7"`, "If-None-Match", "*"}, 400, "give one"},
		{"a date", []string{"If-Unmodified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"}, 400, "use If-Match"},
	} {
		resp, body := request(t, "PUT", url, tc.name, tc.header...)
		if resp.StatusCode != tc.status || !strings.Contains(body, tc.says) {
			t.Errorf("%s: %s %s", tc.name, resp.Status, body)
		}
	}
	for _, old := range []string{"0", "-1", "", "x", "00"} {
		var e *client.Error
		if _, err := c.clients["n2"].CompareAndSet(within(t), "k", []byte("on no condition"), old, ""); !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.Outcome != protocol.NotWritten {
			t.Errorf("with %q for a version: %v", old, err)
		}
	}
	v, err := c.clients["n1"].Get(within(t), "k", level, "")
	if err != nil || text(v) != "the key must be absent and is" {
		t.Fatalf("%q, %v", text(v), err)
	}
	resp, body := request(t, "DELETE", url, "", "If-Match", `"`+v.Version.Number+`"`)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the very version: %s %s", resp.Status, body)
	}
	resp, body = request(t, "POST", "http://"+c.addrs["n1"]+"/cas/k", "1")
	if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "If-Match") {
		t.Errorf("/cas: %s %s", resp.Status, body)
	}
}

// appliesNamedRequestsOnce: a client that repeats a request under its name gets the answer of the first, and nothing is written again.
func appliesNamedRequestsOnce(t *testing.T, mode func(*Config), level string) {
	t.Helper()
	c := startCluster(t, 3, false, mode)
	c.leader(t, "n1", "n2", "n3")
	put := func(node, value, name string) string {
		t.Helper()
		_, body := request(t, "PUT", "http://"+c.addrs[node]+"/kv/k", value, "Quorumkv-Request", name)
		return body[:strings.Index(body, `"w":`)+1]
	}
	first := put("n1", "1", "r1")
	put("n2", "2", "r2")
	if again := put("n3", "1", "r1"); again != first {
		t.Errorf("the same request again: %s, first it was %s", again, first)
	}
	wantGet(t, c.clients["n1"], "k", level, "2")
	resp, body := request(t, "PUT", "http://"+c.addrs["n1"]+"/kv/k", "3", "Quorumkv-Request", "r1")
	if resp.StatusCode != http.StatusPreconditionFailed || !strings.Contains(body, "another write") {
		t.Errorf("the name of another write: %s %s", resp.Status, body)
	}
}

// One member of another mode: neither side serves anything that the other would not see.
func TestMembersOfTwoModes(t *testing.T) {
	for _, modes := range [][3]string{{"raft", "raft", "leaderless"}, {"single-leader", "single-leader", "leaderless"}, {"raft", "raft", "single-leader"}} {
		t.Run(modes[0]+" and "+modes[2], func(t *testing.T) {
			refuseEachOther(t, "give all nodes the same mode", func(cfg *Config) {
				cfg.Mode = map[string]string{"n1": modes[0], "n2": modes[1], "n3": modes[2]}[cfg.Node]
			})
		})
	}
}

// refuseEachOther starts nodes that disagree, and wants all of them to refuse writes and say what to do.
func refuseEachOther(t *testing.T, says string, change func(*Config)) {
	t.Helper()
	c := startUnconnected(t, 3, change)
	for name, cl := range c.clients {
		var e *client.Error
		eventually(t, name+" refuses", func() bool {
			_, err := cl.Put(t.Context(), "k", []byte("v"), "")
			return errors.As(err, &e) && e.Code == string(engine.CodeDisagreement)
		})
		if e.Outcome != protocol.NotWritten || !strings.Contains(e.Message, says) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
