package metrics

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// described are the names of our metrics, each with its labels.
func described(t *testing.T) map[string][]string {
	t.Helper()
	all := make(chan *prometheus.Desc, 1000)
	New().registry.Describe(all)
	close(all)
	out := map[string][]string{}
	of := regexp.MustCompile(`fqName: "(lapse_\w+)".*variableLabels: \{([^}]*)\}`)
	for d := range all {
		if m := of.FindStringSubmatch(d.String()); m != nil {
			labels := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
			out[m[1]] = labels
			if strings.HasSuffix(m[1], "_duration_seconds") {
				out[m[1]+"_bucket"], out[m[1]+"_sum"], out[m[1]+"_count"] = append(slices.Clone(labels), "le"), labels, labels
				delete(out, m[1])
			}
		}
	}
	if len(out) < 12 {
		t.Fatalf("only %v are described", slices.Sorted(maps.Keys(out)))
	}
	return out
}

// TestDashboard holds the queries of the dashboard against the names and labels that are
// really exported; and each metric is shown in it and explained in the page.
func TestDashboard(t *testing.T) {
	names := described(t)
	b, err := os.ReadFile("../../../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`lapse_\w+`)
	grouped := regexp.MustCompile(`by \(([^)]*)\)`)
	legend := regexp.MustCompile(`\{\{(\w+)\}\}`)
	shown := map[string]bool{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			used := word.FindAllString(q.Expr, -1)
			if len(used) == 0 {
				t.Errorf("%s: %s asks for nothing of ours", p.Title, q.Expr)
			}
			for _, name := range used {
				labels, ok := names[name]
				if !ok {
					t.Errorf("%s: %s is not exported", p.Title, name)
				}
				shown[name] = true
				var want []string
				for _, g := range grouped.FindAllStringSubmatch(q.Expr, -1) {
					want = append(want, strings.Split(strings.ReplaceAll(g[1], " ", ""), ",")...)
				}
				for _, l := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
					want = append(want, l[1])
				}
				for _, l := range want {
					if !slices.Contains(labels, l) {
						t.Errorf("%s: %s has no label %s, but %v", p.Title, name, l, labels)
					}
				}
			}
		}
	}
	page, err := os.ReadFile("../../../docs/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range names {
		if !shown[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
		family := name
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			if strings.Contains(name, "_duration_seconds") {
				family = strings.TrimSuffix(family, end)
			}
		}
		if !strings.Contains(string(page), "`"+family+"`") {
			t.Errorf("docs/watching.md does not explain %s", family)
		}
	}
	for _, name := range word.FindAllString(string(page), -1) {
		if _, ok := names[name]; !ok && names[name+"_bucket"] == nil {
			t.Errorf("docs/watching.md explains %s, which is not exported", name)
		}
	}
}
