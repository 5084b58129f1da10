package kubernetes

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/kubernetestest"
)

func TestMarks(t *testing.T) {
	for at, want := range map[string]mark{
		"k8s:shop/app=db":                                  {namespace: "shop", selector: "app=db"},
		"k8s:shop/app=db:5432":                             {namespace: "shop", selector: "app=db", port: 5432},
		"k8s:shop/app.kubernetes.io/name=db,tier!=proxy":   {namespace: "shop", selector: "app.kubernetes.io/name=db,tier!=proxy"},
		"k8s:shop/app=db:7400?in-cluster":                  {namespace: "shop", selector: "app=db", port: 7400, inside: true},
		"k8s:shop/app=db?context=a&image=r/l:1":            {namespace: "shop", selector: "app=db", context: "a", image: "r/l:1"},
		"k8s:shop/app in (a,b):1?context=arn:aws:eks:a/b@": {namespace: "shop", selector: "app in (a,b)", port: 1, context: "arn:aws:eks:a/b@"},
	} {
		if got, err := parseMark(at); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", at, got, err, want)
		} else if got.String() != at {
			t.Errorf("%s is written as %s", at, got)
		}
	}
	for at, want := range map[string]string{
		"k8s:":                                 `"" is no namespace`,
		"k8s:app=db":                           `"app=db" is no namespace`,
		"k8s:shop":                             "there is no label selector",
		"k8s:shop/":                            "there is no label selector",
		"k8s:shop/app=a=b":                     "cannot be read",
		"k8s:shop/app=db:0":                    `"0" is no port`,
		"k8s:shop/app=db:99999":                `"99999" is no port`,
		"k8s:shop/app=db?namespace=x":          "context=NAME or in-cluster, and image=NAME, alone",
		"k8s:shop/app=db?context=":             "context=NAME or in-cluster, and image=NAME, alone",
		"k8s:shop/app=db?image=":               "context=NAME or in-cluster, and image=NAME, alone",
		"k8s:shop/app=db?in-cluster&context=x": "context=NAME or in-cluster, and image=NAME, alone",
		"k8s:shop/app=db?in-cluster=x":         "context=NAME or in-cluster, and image=NAME, alone",
		"k8s:Shop/app=db":                      `"Shop" is no namespace`,
		"k8s:shop/app=db?context=a/app":        "",
	} {
		_, err := parseMark(at)
		var wrong *cluster.MarkError
		if want == "" && err != nil || want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "such as k8s:shop/app=db")) {
			t.Errorf("%s: %v, want %q", at, err, want)
		}
	}
}

// set is a StatefulSet of so many pods that are ready.
func set(n int) map[string]map[string]any {
	out := map[string]map[string]any{}
	for i := range n {
		name := "db-" + strconv.Itoa(i)
		out[name] = podOf(kubernetestest.Pod{Name: name, Subdomain: "db", Claim: "data-" + name}, "Running", true)
	}
	return out
}

// podOf is a pod with a uid and a status.
func podOf(p kubernetestest.Pod, phase string, ready bool) map[string]any {
	object := p.Object("owner")
	object["metadata"].(map[string]any)["uid"] = "uid-of-" + p.Name
	object["status"] = kubernetestest.Status(phase, "10.0.0.7", ready)
	return object
}

// serve starts the API and names it in KUBECONFIG.
func serve(t *testing.T, a *kubernetestest.API) {
	t.Helper()
	t.Setenv("KUBECONFIG", a.Serve(t))
}

var look = []string{"list pods", "get pods"}

const at = "k8s:shop/app=db:7400?context=staging"

// TestFind: nodes are in the order of their ordinals, by names that follow them.
func TestFind(t *testing.T) {
	a := &kubernetestest.API{Pods: set(12), Rights: look}
	serve(t, a)
	found, err := Finder{}.Find(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.At) != 12 || found.At[2] != "db-2.db.shop.svc:7400" || found.At[10] != "db-10.db.shop.svc:7400" {
		t.Errorf("found %v", found.At)
	}
	if found.Mark != at {
		t.Errorf("it is found again by %s", found.Mark)
	}
	if !(Finder{}).Finds(at) || (Finder{}).Finds("db1:7400") {
		t.Error("a mark and an address are not told apart")
	}
	a.Pods["db-0"] = podOf(kubernetestest.Pod{Name: "db-0"}, "Running", true)
	if found, err = (Finder{}).Find(t.Context(), "k8s:shop/app=db?context=staging"); err != nil || found.At[0] != "10.0.0.7" || found.At[1] != "db-1.db.shop.svc" {
		t.Errorf("without a name or a port: %v, %v", found, err)
	}
	if len(a.Asked) > 0 {
		t.Errorf("it changed something: %v", a.Asked)
	}
}

// TestPinned: which cluster was the current one is part of what finds the pods again.
func TestPinned(t *testing.T) {
	a := &kubernetestest.API{Pods: set(3), Rights: look}
	path := a.Serve(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), `"current-context": "none"`, `"current-context": "staging"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
	found, err := Finder{}.Find(t.Context(), "k8s:shop/app=db:7400")
	if err != nil || found.Mark != at {
		t.Errorf("%+v, %v, want to be found again by %s", found, err, at)
	}
}

// TestFindRefuses: pairs with what is found that differ in one thing.
func TestFindRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a *kubernetestest.API)
		at     string
		want   string
	}{
		"no pod": {func(a *kubernetestest.API) { clear(a.Pods) }, at, "there is none; see kubectl get pods"},
		"one is not ready": {func(a *kubernetestest.API) {
			a.Pods["db-1"] = podOf(kubernetestest.Pod{Name: "db-1", Subdomain: "db", Claim: "data-db-1"}, "Running", false)
		}, at, "db-1 runs and is not ready; wait until all are ready"},
		"one is pending": {func(a *kubernetestest.API) {
			a.Pods["db-1"] = podOf(kubernetestest.Pod{Name: "db-1", Subdomain: "db", Claim: "data-db-1"}, "Pending", false)
		}, at, "db-1 is Pending"},
		"one is ending": {func(a *kubernetestest.API) {
			a.Pods["db-2"]["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-29T10:00:00Z"
		}, at, "db-2 is being deleted"},
		"no right":        {func(a *kubernetestest.API) { a.Rights = nil }, at, "pods is forbidden; the role lapse-look"},
		"no pod of ours":  {func(*kubernetestest.API) {}, "k8s:shop/app=db?in-cluster", "run it there, or name the cluster by a context"},
		"no such context": {func(*kubernetestest.API) {}, "k8s:shop/app=db?context=prod", `"prod" does not exist; name a kubeconfig`},
	} {
		t.Run(name, func(t *testing.T) {
			a := &kubernetestest.API{Pods: set(3), Rights: look}
			c.change(a)
			serve(t, a)
			_, err := Finder{}.Find(t.Context(), c.at)
			var environment *cluster.EnvironmentError
			if !errors.As(err, &environment) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestReplace: the pod that was looked at is removed, and no other of its name.
func TestReplace(t *testing.T) {
	a := &kubernetestest.API{Pods: set(3), Rights: look}
	serve(t, a)
	found, err := Finder{}.Find(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	s := found.Supervisor
	now, err := s.Incarnation(t.Context(), "n2")
	if want := (cluster.Incarnation{ID: "uid-of-db-1", Ready: true, Kept: true, Address: "10.0.0.7", Keeps: "its successor has what is in data-db-1"}); err != nil || now != want {
		t.Errorf("n2 is %+v, %v, want %+v", now, err, want)
	}
	if err := s.Replace(t.Context(), "n2", now.ID, cluster.Deletion); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Incarnation(t.Context(), "n2"); err != nil || gone != (cluster.Incarnation{}) {
		t.Errorf("after its deletion n2 is %+v, %v", gone, err)
	}
	a.Pods["db-1"] = podOf(kubernetestest.Pod{Name: "db-1"}, "Running", true)
	a.Pods["db-1"]["metadata"].(map[string]any)["uid"] = "another"
	if err := s.Replace(t.Context(), "n2", now.ID, cluster.Deletion); err == nil || a.Pods["db-1"] == nil {
		t.Errorf("the successor was deleted in place of the one that was meant: %v", err)
	}
	if next, err := s.Incarnation(t.Context(), "n2"); err != nil || next.ID != "another" || !strings.Contains(next.Keeps, "begins without") {
		t.Errorf("the successor of n2 is %+v, %v", next, err)
	}
	refused := func(why string, how cluster.Removal) {
		t.Helper()
		if err := s.Replace(t.Context(), "n3", "uid-of-db-2", how); err == nil || !strings.Contains(err.Error(), why) || a.Pods["db-2"] == nil {
			t.Errorf("%s, want %q: %v", how, why, err)
		}
	}
	keeper := s.(*supervisor)
	keeper.askAgain, keeper.budgetPatience = 0, 0
	a.Budget = 1
	refused("PodDisruptionBudget", cluster.Eviction)
	for _, how := range []cluster.Removal{cluster.Deletion, cluster.Eviction} {
		labels := a.Pods["db-2"]["metadata"].(map[string]any)["labels"].(map[string]any)
		a.Meanwhile = func(map[string]any) { labels["app"] = "retired" }
		refused("it has no longer the labels app=db by which it was found", how)
		a.Meanwhile = nil
		refused("it has no longer the labels app=db by which it was found", how)
		labels["app"] = "db"
	}
	meta := a.Pods["db-2"]["metadata"].(map[string]any)
	meta["deletionTimestamp"] = "2026-11-29T10:00:00Z"
	refused("it is being deleted already", cluster.Deletion)
	delete(meta, "deletionTimestamp")
	// A budget that gives way, and a change that does not matter.
	keeper.budgetPatience = time.Minute
	a.Budget = 3
	a.Meanwhile = func(pod map[string]any) { pod["status"] = kubernetestest.Status("Running", "10.0.0.8", true) }
	if err := s.Replace(t.Context(), "n3", "uid-of-db-2", cluster.Eviction); err != nil || a.Pods["db-2"] != nil || a.Budget != 0 {
		t.Errorf("evicting: %v", err)
	}
	if first := a.Asked[0]; !strings.HasPrefix(first, "DELETE db-1 ") || !strings.Contains(first, `"gracePeriodSeconds":1`) {
		t.Errorf("the deletion was %s", first)
	}
	if _, err := s.Incarnation(t.Context(), "n9"); err == nil {
		t.Error("n9 is there")
	}
}

// TestMay: rights and pods that differ in one thing.
func TestMay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a *kubernetestest.API)
		how    cluster.Removal
		want   string
	}{
		"deletion":                  {func(a *kubernetestest.API) { a.Rights = append(a.Rights, "delete pods") }, cluster.Deletion, ""},
		"eviction":                  {func(a *kubernetestest.API) { a.Rights = append(a.Rights, "create pods/eviction") }, cluster.Eviction, ""},
		"deletion, evictions alone": {func(a *kubernetestest.API) { a.Rights = append(a.Rights, "create pods/eviction") }, cluster.Deletion, "no right to the deletion of pods there; the role lapse-break"},
		"eviction, deletions alone": {func(a *kubernetestest.API) { a.Rights = append(a.Rights, "delete pods") }, cluster.Eviction, "no right to the eviction of pods there"},
		"nothing keeps one": {func(a *kubernetestest.API) {
			a.Rights = append(a.Rights, "delete pods")
			a.Pods["db-1"] = podOf(kubernetestest.Pod{Name: "db-1", Subdomain: "db", Bare: true}, "Running", true)
		}, cluster.Deletion, "nothing would make the pod db-1 anew"},
		"one has no name": {func(a *kubernetestest.API) {
			a.Rights = append(a.Rights, "delete pods")
			a.Pods["db-1"] = podOf(kubernetestest.Pod{Name: "db-1"}, "Running", true)
		}, cluster.Deletion, "db-1 would come back under another address"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &kubernetestest.API{Pods: set(3), Rights: append([]string{}, look...)}
			c.change(a)
			serve(t, a)
			found, err := Finder{}.Find(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			if err := found.Supervisor.May(t.Context(), c.how); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if len(a.Asked) > 0 {
				t.Errorf("it changed something: %v", a.Asked)
			}
		})
	}
}
