package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// TestOver: pairs of notes that differ in one thing.
func TestOver(t *testing.T) {
	me, err := owner.Self()
	if err != nil {
		t.Fatal(err)
	}
	const gone = "another boot/pid:[1]/7/1"
	later := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		n    note
		want bool
	}{
		"of a process that lives":       {note{Owner: me.String(), Host: "here", Deadline: later}, false},
		"of one that is no more":        {note{Owner: gone, Host: "here", Deadline: later}, true},
		"of another machine":            {note{Owner: gone, Host: "there", Deadline: later}, false},
		"of another machine, too late":  {note{Owner: gone, Host: "there", Deadline: time.Now()}, true},
		"of nobody that could be named": {note{Owner: "", Host: "here", Deadline: later}, false},
	} {
		if got := c.n.over(me, "here"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestCleanAsksNobody: without a note no cluster is asked, and the note of a living process stays.
func TestCleanAsksNobody(t *testing.T) {
	p := &Provider{notes: t.TempDir()}
	if removed, err := p.Clean(t.Context()); err != nil || len(removed) != 0 {
		t.Errorf("%v, %v", removed, err)
	}
	me, err := owner.Self()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	forget, err := p.keep(note{Namespace: "lapse-a", Kubeconfig: "/nowhere", Owner: me.String(), Host: host, Deadline: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := p.Clean(t.Context()); err != nil || len(removed) != 0 {
		t.Errorf("%v, %v", removed, err)
	}
	if err := forget(); err != nil {
		t.Errorf("the note of a process that lives: %v", err)
	}
}

// TestRights: lapse has no right in the namespace that its faults do not take.
func TestRights(t *testing.T) {
	for name, c := range map[string]struct {
		e    cluster.Errand
		want string
	}{
		"none":       {cluster.Errand{}, "pods:get,list"},
		"enters":     {cluster.Errand{Enters: true}, "pods:get,list pods/ephemeralcontainers:patch pods/attach:get,create"},
		"reschedule": {cluster.Errand{Removals: []cluster.Removal{cluster.Deletion}}, "pods:get,list pods:delete"},
		"evict":      {cluster.Errand{Removals: []cluster.Removal{cluster.Eviction}}, "pods:get,list pods/eviction:create"},
	} {
		var got []string
		for _, r := range (build{Errand: c.e}).rights() {
			got = append(got, fmt.Sprintf("%s:%s", r["resources"].([]any)[0], strings.ReplaceAll(strings.Trim(fmt.Sprint(r["verbs"]), "[]"), " ", ",")))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}

// TestProviderRole: the role in deploy has what the provider asks for before a run, and nothing else but what it needs
// to look at, and to remove, the namespace.
func TestProviderRole(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/kubernetes/provider/provider.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var has []string
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		var role struct {
			Kind  string `yaml:"kind"`
			Rules []struct {
				Groups    []string `yaml:"apiGroups"`
				Resources []string `yaml:"resources"`
				Verbs     []string `yaml:"verbs"`
			} `yaml:"rules"`
		}
		if err := yaml.Unmarshal([]byte(part), &role); err != nil {
			t.Fatal(err)
		}
		for _, r := range role.Rules {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					has = append(has, verb+" "+r.Groups[0]+" "+resource)
				}
			}
		}
	}
	needs := []string{"create  namespaces", "get  namespaces", "delete  namespaces"}
	all := cluster.Errand{Enters: true, Removals: []cluster.Removal{cluster.Deletion, cluster.Eviction}}
	for _, n := range (build{Errand: all}).needs() {
		resource := fmt.Sprint(n["resource"])
		if sub, is := n["subresource"]; is {
			resource += "/" + fmt.Sprint(sub)
		}
		needs = append(needs, fmt.Sprintf("%s %s %s", n["verb"], n["group"], resource))
	}
	for _, list := range []*[]string{&has, &needs} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !slices.Equal(has, needs) {
		t.Errorf("the role has\n%s\nand what is needed is\n%s", strings.Join(has, "\n"), strings.Join(needs, "\n"))
	}
}

// TestSettings: what cannot be is refused by the name of its flag.
func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		p    Provider
		says string
	}{
		"all":     {Provider{Image: "lapse", Prefix: "ci-lapse", Volume: "1Gi", Class: "fast"}, ""},
		"image":   {Provider{}, "--lapse-image: say which image"},
		"prefix":  {Provider{Image: "lapse", Prefix: "CI"}, "--namespace-prefix CI: want small letters"},
		"long":    {Provider{Image: "lapse", Prefix: strings.Repeat("a", 41)}, "at most 40"},
		"volume":  {Provider{Image: "lapse", Volume: "much"}, "--volume much: want a size"},
		"nothing": {Provider{Image: "lapse", Volume: "0"}, "--volume 0: want a size"},
		"class":   {Provider{Image: "lapse", Class: "fast"}, "--storage-class fast: there are no claims"},
		"config":  {Provider{Image: "lapse", Kubeconfig: "/nowhere"}, "--kubeconfig /nowhere: there is no such file"},
	} {
		err := c.p.Check()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestAllReady: pods that differ in one thing.
func TestAllReady(t *testing.T) {
	of := func(name, phase, ready, waits string) *pod {
		p := &pod{}
		p.Name, p.Status.Phase = name, phase
		p.Status.Conditions = []condition{{Type: "Ready", Status: ready}}
		if waits != "" {
			if err := json.Unmarshal([]byte(`[{"name":"database","state":{"waiting":{"reason":"`+waits+`","message":"so"}}}]`), &p.Status.Containers); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	good := of("db-0", "Running", "True", "")
	for name, c := range map[string]struct {
		pods []*pod
		over bool
		says string
	}{
		"none yet":  {nil, false, "there are 0 of 2 pods"},
		"one":       {[]*pod{good}, false, "there are 1 of 2 pods"},
		"both":      {[]*pod{good, of("db-1", "Running", "True", "")}, true, ""},
		"not ready": {[]*pod{good, of("db-1", "Running", "False", "")}, false, "db-1 runs and is not ready"},
		"pulling":   {[]*pod{good, of("db-1", "Pending", "False", "ErrImagePull")}, false, "db-1 is Pending, database waits: ErrImagePull so"},
		"no image":  {[]*pod{good, of("db-1", "Pending", "False", "ImagePullBackOff")}, true, "db-1 cannot be started: ImagePullBackOff so"},
	} {
		over, err := allReady(c.pods, 2)
		if over != c.over || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %t, %v, want %q", name, over, err, c.says)
		}
	}
}
