package externaltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestQuorumkvKinds: counters, sets, maps, siblings and tenants are had on an external cluster too, and nothing of them is left at any of its nodes.
func TestQuorumkvKinds(t *testing.T) {
	t.Parallel()
	type run struct {
		workload, model, path string // where its keys are
		tenants               []string
	}
	counter := run{"counter", "counter-eventual", "counter", nil}
	set := run{"set", "set-eventual", "set", nil}
	maps := run{"map", "set-eventual", "map", nil}
	for flags, runs := range map[string][]run{
		"--mode leaderless":                        {{"tenants", "isolation-of-tenants", "kv", []string{"t0", "t1"}}},
		"--mode multi-leader":                      {counter, set, maps},
		"--mode multi-leader --conflicts crdt":     {counter, set, maps},
		"--mode multi-leader --conflicts siblings": {{"set", "set", "kv", nil}, {"register", "eventual", "kv", nil}},
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			s := startStoreAs(t, flags, http.DefaultClient, "http")
			for _, c := range runs {
				r := lapse(t, nil, "run", "--target", "quorumkv", "--at", s.at(), "--workload", c.workload, "--model", c.model, "--duration", "2s", "--rate", "200", "--seed", "7", "--progress", "plain")
				if r.code > 2 { // what is lost, as by the last write that wins, is not asked
					t.Errorf("%s: exit %d\n%s%s", c.workload, r.code, r.stdout, r.stderr)
					continue
				}
				if r.summary(t).Load.OK == 0 {
					t.Errorf("%s: nothing was done\n%s%s", c.workload, r.stdout, r.stderr)
				}
				prefix := "lapse_" + strings.ReplaceAll(runOf(t, r), "-", "_") + "-"
				tenants := c.tenants
				if tenants == nil {
					tenants = []string{""}
				}
				for _, tenant := range tenants {
					if tenant != "" {
						tenant = prefix + tenant
					}
					for _, addr := range s.addrs {
						if left := found(t, addr, c.path, tenant, prefix); len(left) > 0 {
							t.Errorf("%s %s: %s has %v", c.workload, tenant, addr, left)
						}
					}
				}
			}
		})
	}
	// The look itself sees what is there.
	s := startStoreAs(t, "--mode multi-leader --conflicts crdt", http.DefaultClient, "http")
	for path, body := range map[string]string{"counter": `{"add": 5}`, "set": `{"add": "x"}`, "map": `{"field": "f", "add": "x"}`} {
		answer, err := http.Post("http://"+s.addrs[0]+"/"+path+"/own-k7", "application/json", strings.NewReader(body))
		must(t, err)
		must(t, answer.Body.Close())
		if left := found(t, s.addrs[0], path, "", "own-"); !slices.Equal(left, []string{"own-k7"}) {
			t.Errorf("of a %s: %v", path, left)
		}
	}
}

// found are the first names with a prefix under which a node has something.
func found(t *testing.T, addr, path, tenant, prefix string) []string {
	t.Helper()
	var out []string
	for i := range 40 {
		name := fmt.Sprintf("%sk%d", prefix, i)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/"+path+"/"+url.PathEscape(name), nil)
		must(t, err)
		if tenant != "" {
			req.Header.Set("Quorumkv-Tenant", tenant)
		}
		answer, err := http.DefaultClient.Do(req)
		must(t, err)
		var has struct {
			Total    int64
			Elements []any
			Fields   []any
		}
		if answer.StatusCode == http.StatusOK {
			must(t, json.NewDecoder(answer.Body).Decode(&has))
			if path == "kv" || has.Total != 0 || len(has.Elements)+len(has.Fields) > 0 {
				out = append(out, name)
			}
		} else if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s at %s: %s", name, addr, answer.Status)
		}
		must(t, answer.Body.Close())
	}
	return out
}
