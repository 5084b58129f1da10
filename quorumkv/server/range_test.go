package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// A range of keys is what single reads would find, page by page, whoever else has keys in between; and it costs the nodes that hold it where keys are placed by ranges,
// and all nodes where they are not.
func TestRangeReads(t *testing.T) {
	const keys = 10
	for _, tc := range []struct {
		partitioner placement.Partitioner
		splits      []string
		asked       map[[2]string]int
	}{
		// Ranges begin at "", k2, k4, k6, k8, at n1, n2, n3, n4, n5, and are on three nodes each.
		{placement.Range, []string{"k2", "k4", "k6", "k8"}, map[[2]string]int{
			{"k4", "k5"}: 3, {"k4", "k6"}: 3, {"k4", "k6x"}: 4, {"k5", "k9"}: 5, {"", ""}: 5, {"", "k2"}: 3, {"k8", ""}: 3, {"k40", "k41"}: 3,
		}},
		{placement.Ring, nil, map[[2]string]int{{"k4", "k5"}: 5, {"k4", "k6"}: 5, {"", ""}: 5}},
		{placement.Modulo, nil, map[[2]string]int{{"k4", "k5"}: 5, {"", ""}: 5}},
	} {
		t.Run(string(tc.partitioner), func(t *testing.T) {
			c := startCluster(t, 5, false, func(cfg *Config) {
				cfg.Replication, cfg.Partitioner, cfg.SplitPoints = 3, tc.partitioner, tc.splits
				cfg.RequestTimeout, cfg.PeerTimeout = 20*time.Second, 10*time.Second // a busy machine is no failure
			})
			var all []string
			for i := range keys {
				key := fmt.Sprint("k", i)
				all = append(all, key)
				mustPut(t, c.clients[fmt.Sprint("n", 1+i%5)], key, "v"+key, "ALL")
			}
			if _, err := c.clients["n1"].Delete(within(t), "k7", "ALL"); err != nil {
				t.Fatal(err)
			}
			all = slices.DeleteFunc(all, func(k string) bool { return k == "k7" })
			for _, of := range []string{"k4", "k40", "zz"} { // whose keys lie between those
				for _, key := range []string{"a", "k4", "k9"} {
					mustPut(t, c.clients["n2"].As(of), key, "of "+of, "ALL")
				}
			}
			for bounds, asked := range tc.asked {
				from, to := bounds[0], bounds[1]
				var want, got []string
				for _, k := range all {
					if k >= from && (to == "" || k < to) {
						want = append(want, k+"=v"+k)
					}
				}
				for after := ""; ; {
					page, err := c.clients["n3"].Range(within(t), from, to, after, 2, "ONE")
					if err != nil {
						t.Fatal(err)
					}
					if after == "" && len(page.Asked) != asked {
						t.Errorf("from %q to %q: %v are asked, want %d nodes", from, to, page.Asked, asked)
					}
					for i := range page.Keys {
						got = append(got, page.Keys[i].Key+"="+string(page.Keys[i].Bytes()))
					}
					if after = page.After; after == "" {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("from %q to %q: %q, want %q", from, to, got, want)
				}
			}
			page, err := c.clients["n1"].As("k4").Range(within(t), "b", "k5", "", 10, "")
			if err != nil || len(page.Keys) != 1 || page.Keys[0].Key != "k4" || string(page.Keys[0].Bytes()) != "of k4" {
				t.Errorf("of a tenant: %+v, %v", page, err)
			}
		})
	}
}

// A range needs R of the nodes of each of its parts, and no others.
func TestRangeReadsWithoutSomeNodes(t *testing.T) {
	ps := startProcesses(t, 5, "--peer-timeout", "10s", "--request-timeout", "20s", "--replication", "3", "--partitioner", "range", "--split-points", "k2", "--split-points", "k4", "--split-points", "k6", "--split-points", "k8")
	mustPut(t, ps[0].client, "k4", "v", "ALL") // on n3, n4 and n5
	killAll(t, ps[3:])
	eventually(t, "n1 knows who is away", func() bool {
		h, err := ps[0].client.Health(t.Context())
		return err == nil && !h.Peers["n4"].Connected && !h.Peers["n5"].Connected
	})
	for _, tc := range []struct {
		from, to, r string
		says        string
	}{
		{"k4", "k6", "ONE", ""},
		{"k4", "k6", "QUORUM", "needs 2 of the nodes n3 n4 n5"},
		{"k0", "k2", "ALL", ""},    // on n1, n2 and n3
		{"k0", "k3", "QUORUM", ""}, // and on n4
		{"k0", "k3", "ALL", "needs 3 of the nodes n2 n3 n4"},
	} {
		page, err := ps[0].client.Range(within(t), tc.from, tc.to, "", 10, tc.r)
		if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("from %s to %s at %s: %+v, %v, want %q", tc.from, tc.to, tc.r, page, err, tc.says)
		}
	}
}

func TestBadRangeReads(t *testing.T) {
	c := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	defer http.DefaultClient.CloseIdleConnections()
	for path, says := range map[string]string{
		"/range?from=b&to=a":    `from: "b" is not below to, "a"`,
		"/range?from=a&to=a":    "is not below",
		"/range?after=k9&to=k5": `after: "k9" is not below to, "k5"`,
		"/range?after=k5&to=k5": "is not below",
		"/range?from=%1F":       "from: the key has the control character",
		"/range?to=%1F":         "to: the key has the control character",
		"/range?limit=0":        "limit",
		"/range?below=a":        `unknown parameter "below"`,
		"/keys?from=a":          `unknown parameter "from"`,
		"/backup?to=a":          `unknown parameter "to"`,
		"/range?r=9":            "list: level 9 cannot be served",
	} {
		got, body := request(t, "GET", "http://"+c.addrs["n1"]+path, "", tenant.Header, "a")
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), says) {
			t.Errorf("%s: %d %s, want %s", path, got.StatusCode, body, says)
		}
	}
	for _, path := range []string{"/range?after=k4&to=k5", "/range?after=k9"} {
		if got, body := request(t, "GET", "http://"+c.addrs["n1"]+path, "", tenant.Header, "a"); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.StatusCode, body)
		}
	}
}
