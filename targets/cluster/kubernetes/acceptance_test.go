//go:build acceptance

package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster/kubernetes/kubernetestest/realcluster"
)

// manifests is where deploy/kubernetes is.
const manifests = "../../../deploy/kubernetes"

// TestRealCluster is docs/kubernetes.md on a real Kubernetes: the example, the Job, and what
// becomes of it when a budget or a missing right is in its way.
func TestRealCluster(t *testing.T) {
	c, _, manifests := begin(t)
	for _, name := range []string{"first", "second", "third", "runs"} {
		c.Volume(t, name)
	}
	c.Kubectl(t, "apply", "-k", manifests+"/example")
	c.Kubectl(t, "-n", "shop", "rollout", "status", "statefulset/db", "--timeout=2m")
	c.Kubectl(t, "apply", "-k", manifests)

	t.Run("as documented", func(t *testing.T) {
		finish(t, c, "lapse").expect(t, 0, "an external cluster up in", "reschedule n", "took effect", "healed", "no-lost-writes       ✓ held", "result: held (exit 0)")
		c.Kubectl(t, "-n", "shop", "wait", "--for=condition=complete", "job/lapse", "--timeout=30s")
	})
	t.Run("evict", func(t *testing.T) {
		run(t, c, "evict", "--faults=evict").expect(t, 0, "evict n", "1 injected, 1 took effect, 1 healed")
	})
	t.Run("evict against a budget", func(t *testing.T) {
		c.Apply(t, budget)
		c.Kubectl(t, "-n", "shop", "wait", "--for=jsonpath={.status.expectedPods}=3", "pdb/db", "--timeout=30s")
		run(t, c, "budget", "--faults=evict").expect(t, 2, "by a PodDisruptionBudget: Cannot evict pod as it would violate", "result: inconclusive")
		c.Kubectl(t, "-n", "shop", "delete", "pdb/db")
	})
	t.Run("told to end", func(t *testing.T) {
		start(t, c, "stopped", "--faults=reschedule", "--duration=10m")
		said := make(chan string, 1)
		c.Kubectl(t, "-n", "shop", "wait", "--for=jsonpath={.status.ready}=1", "job/stopped", "--timeout=30s")
		go func() {
			text, _ := c.TryKubectl("-n", "shop", "logs", "--follow", "job/stopped") // what it says is looked at
			said <- text
		}()
		tookEffect(t, c, "stopped")
		c.Kubectl(t, "-n", "shop", "delete", "job/stopped", "--cascade=foreground")
		ended{log: <-said}.expect(t, 0, "1 injected, 1 took effect, 1 healed", "no-lost-writes", "result: ")
	})
	t.Run("from within without entering", func(t *testing.T) {
		run(t, c, "outside", "--faults=partition-one").expect(t, 3, "no right to patch pods/ephemeralcontainers there; the role lapse-enter")
	})
	entering := withEntering(t)
	c.Kubectl(t, "apply", "-k", entering)
	t.Run("from within", func(t *testing.T) {
		run(t, c, "within", "--faults=partition-one,kill,pause", "--duration=40s", "--fault-interval=9s").expect(t, 0,
			"isolate n", "kill n", "pause n", "4 injected, 4 took effect, 4 healed", "result: held")
		entered(t, c)
	})
	t.Run("killed within", func(t *testing.T) {
		start(t, c, "lost", "--faults=partition-one", "--duration=10m", "--fault-interval=5m", "--fault-hold=4m")
		c.Kubectl(t, "-n", "shop", "wait", "--for=jsonpath={.status.ready}=1", "job/lost", "--timeout=30s")
		tookEffect(t, c, "lost")
		c.Kubectl(t, "-n", "shop", "delete", "pods", "-l", "job-name=lost", "--grace-period=0", "--force")
		entered(t, c)
		c.Kubectl(t, "-n", "shop", "delete", "job/lost")
		// A cluster that is still cut would be found out by the probes that are tried first.
		run(t, c, "after", "--faults=partition-one").expect(t, 0, "1 injected, 1 took effect, 1 healed")
	})
	t.Run("let go of within", func(t *testing.T) {
		start(t, c, "early", "--faults=partition-one", "--duration=40s", "--fault-interval=25s", "--fault-hold=20s")
		c.Kubectl(t, "-n", "shop", "wait", "--for=jsonpath={.status.ready}=1", "job/early", "--timeout=30s")
		tookEffect(t, c, "early")
		letGo(t, c)
		finish(t, c, "early").expect(t, 2, "1 injected, 1 took effect, 0 healed", "it ended early: the hold on the pod db-", "result: inconclusive")
	})
	t.Run("without a privileged namespace", func(t *testing.T) {
		c.Kubectl(t, "label", "namespace", "shop", "pod-security.kubernetes.io/enforce=baseline")
		run(t, c, "baseline", "--faults=partition-one").expect(t, 3, `violates PodSecurity "baseline:latest"`, "pod-security.kubernetes.io/enforce=privileged")
		c.Kubectl(t, "label", "namespace", "shop", "pod-security.kubernetes.io/enforce-")
	})
	// The rights are the least that there can be: without any of them it says which role has it.
	for _, right := range []struct {
		name, role, rules string
		args              []string
		want              string
	}{
		{"without listing", "lapse-look", `[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]`, nil, `cannot list resource "pods" in API group "" in the namespace "shop"; the role lapse-look`},
		{"without getting", "lapse-look", `[{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}]`, []string{"--faults=reschedule"}, `cannot get resource "pods" in API group "" in the namespace "shop"; the role lapse-look`},
		{"without containers", "lapse-enter", `[{"apiGroups":[""],"resources":["pods/attach"],"verbs":["get","create"]}]`, []string{"--faults=partition-one"}, "no right to patch pods/ephemeralcontainers there; the role lapse-enter"},
		{"without a hold", "lapse-enter", `[{"apiGroups":[""],"resources":["pods/ephemeralcontainers"],"verbs":["patch"]}]`, []string{"--faults=partition-one"}, "no right to get pods/attach there; the role lapse-enter"},
		{"without deleting", "lapse-break", `[{"apiGroups":[""],"resources":["pods/eviction"],"verbs":["create"]}]`, []string{"--faults=reschedule"}, "no right to the deletion of pods there; the role lapse-break"},
		{"without evicting", "lapse-break", `[{"apiGroups":[""],"resources":["pods"],"verbs":["delete"]}]`, []string{"--faults=evict"}, "no right to the eviction of pods there; the role lapse-break"},
	} {
		t.Run(right.name, func(t *testing.T) {
			c.Kubectl(t, "-n", "shop", "patch", "role", right.role, "--type=merge", "-p", `{"rules":`+right.rules+`}`)
			run(t, c, strings.ReplaceAll(right.name, " ", "-"), right.args...).expect(t, 3, right.want)
			c.Kubectl(t, "apply", "-k", entering)
		})
	}
}

// begin starts a cluster that has lapse, and returns the program and where the manifests are, too.
func begin(t *testing.T) (c *realcluster.Cluster, lapse, deploy string) {
	t.Helper()
	lapse = filepath.Join(t.TempDir(), "lapse")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-tags", "grpcnotrace", "-o", lapse, "github.com/lapse-test/lapse/cmd/lapse").CombinedOutput(); err != nil {
		t.Fatalf("building lapse: %v\n%s", err, out)
	}
	deploy, err := filepath.Abs(manifests)
	if err != nil {
		t.Fatal(err)
	}
	return realcluster.Start(t, lapse), lapse, deploy
}

// budget lets no pod of three be done without.
const budget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db, namespace: shop}
spec: {minAvailable: 3, selector: {matchLabels: {app: db}}}
`

// ended is a Job that has ended.
type ended struct {
	code int
	log  string
}

func (e ended) expect(t *testing.T, code int, says ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("exit code %d, want %d:\n%s", e.code, code, e.log)
	}
	for _, s := range says {
		if !strings.Contains(e.log, s) {
			t.Errorf("it does not say %q:\n%s", s, e.log)
		}
	}
}

// withEntering is a copy of deploy/kubernetes with the component that lets lapse enter pods.
func withEntering(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kubernetes")
	if err := os.CopyFS(dir, os.DirFS(manifests)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "components: [breaking]", "components: [breaking, entering]", 1)
	if more == string(text) {
		t.Fatal("kustomization.yaml has not the component breaking alone")
	}
	if err := os.WriteFile(path, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tookEffect waits until a Job says that of a fault.
func tookEffect(t *testing.T, c *realcluster.Cluster, job string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		log := c.Kubectl(t, "-n", "shop", "logs", "job/"+job)
		if strings.Contains(log, "took effect") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no fault of the job %s took effect:\n%s", job, log)
		}
	}
}

// letGo has every agent that runs in a pod end, as it does when it is let go of.
func letGo(t *testing.T, c *realcluster.Cluster) {
	t.Helper()
	const running = `{range .items[*]}{range .status.ephemeralContainerStatuses[?(@.state.running)]}{.name} {end}{end}`
	names := strings.Fields(c.Kubectl(t, "-n", "shop", "get", "pods", "-l", "app=db", "-o", "jsonpath="+running))
	if len(names) == 0 {
		t.Fatal("no container that was put into the pods runs")
	}
	for _, name := range names {
		pid, err := exec.Command("pgrep", "--full", "--exact", ".*lapse in-pod "+name).Output()
		if err != nil || len(strings.Fields(string(pid))) != 1 {
			t.Fatalf("looking for the agent %s: %v, %q", name, err, pid)
		}
		if out, err := exec.Command("kill", "-TERM", strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// entered waits until every container that was put into the pods has ended, having healed
// all: it says so by its exit code.
func entered(t *testing.T, c *realcluster.Cluster) {
	t.Helper()
	const states = `{range .items[*]}{range .status.ephemeralContainerStatuses[*]}{.name}={.state.terminated.exitCode} {end}{end}`
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		all := strings.Fields(c.Kubectl(t, "-n", "shop", "get", "pods", "-l", "app=db", "-o", "jsonpath="+states))
		if len(all) > 0 && !slices.ContainsFunc(all, func(s string) bool { return !strings.HasSuffix(s, "=0") }) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the containers in the pods have ended like this: %q", all)
		}
	}
}

// run is the Job of deploy/kubernetes under another name, with a short run that has these flags.
func run(t *testing.T, c *realcluster.Cluster, name string, more ...string) ended {
	t.Helper()
	start(t, c, name, more...)
	return finish(t, c, name)
}

// start begins what run does.
func start(t *testing.T, c *realcluster.Cluster, name string, more ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifests, "job.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), "          args:\n")
	_, after, end := strings.Cut(rest, "          # Credentials")
	if !found || !end {
		t.Fatal("job.yaml has no args, or no comment on credentials after them")
	}
	args := append([]string{
		"run", "--target=quorumkv", "--at=k8s:shop/app=db", "--write-level=2", "--read-level=2", "--workload=session",
		"--model=read-your-writes,no-lost-writes", "--duration=12s", "--fault-interval=8s", "--seed=5", "--out=/runs",
	}, more...)
	var list strings.Builder
	for _, a := range args {
		fmt.Fprintf(&list, "            - %q\n", a)
	}
	job := before + "          args:\n" + list.String() + "          # Credentials" + after
	job = strings.Replace(job, "name: lapse, labels", "name: "+name+", namespace: shop, labels", 1)
	c.Apply(t, strings.Replace(job, "image: lapse", "image: "+realcluster.LapseImage, 1))
}

// finish waits for a Job's pod to end.
func finish(t *testing.T, c *realcluster.Cluster, job string) ended {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		var pods struct {
			Items []struct {
				Status struct {
					ContainerStatuses []struct {
						State struct {
							Terminated *struct {
								ExitCode int `json:"exitCode"`
							} `json:"terminated"`
						} `json:"state"`
					} `json:"containerStatuses"`
				} `json:"status"`
			} `json:"items"`
		}
		text := c.Kubectl(t, "-n", "shop", "get", "pods", "-l", "job-name="+job, "-o", "json")
		if err := json.Unmarshal([]byte(text), &pods); err != nil {
			t.Fatal(err)
		}
		if len(pods.Items) > 1 {
			t.Fatalf("the job %s was tried again", job)
		}
		for _, p := range pods.Items {
			for _, s := range p.Status.ContainerStatuses {
				if s.State.Terminated != nil {
					return ended{s.State.Terminated.ExitCode, c.Kubectl(t, "-n", "shop", "logs", "job/"+job)}
				}
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job %s has not ended: %s\n%s", job, text, c.Kubectl(t, "-n", "shop", "get", "events"))
		}
	}
}
