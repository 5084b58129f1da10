//go:build acceptance

package kubernetes_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster/kubernetes/kubernetestest/realcluster"
)

// outside is a user of the cluster who has the rights of deploy/kubernetes/provider and no others.
type outside struct {
	*realcluster.Cluster
	lapse, kubeconfig, out, cache string
}

// lapseRun is lapse run by that user, on quorumkv unless args say otherwise.
func (o outside) lapseRun(args ...string) []string {
	return append([]string{
		"XDG_CACHE_HOME=" + o.cache, "KUBECONFIG=" + o.kubeconfig, o.lapse, "run", "--provider=kubernetes", "--lapse-image=" + realcluster.LapseImage, "--out=" + o.out, "--seed=5",
		"--workload=session",
	}, args...)
}

func (o outside) run(t *testing.T, args ...string) ended {
	t.Helper()
	text, err := o.Try("env", o.lapseRun(args...)...)
	code := 0
	if exit := new(exec.ExitError); err != nil {
		if !asExit(err, &exit) {
			t.Fatal(err)
		}
		code, text = exit.ExitCode(), text+err.Error()
	}
	t.Log(text)
	return ended{code, text}
}

// nothing is left of any run.
func (o outside) nothing(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		left := o.Kubectl(t, "get", "namespaces", "-l", "app.kubernetes.io/managed-by=lapse", "-o", "name")
		if strings.TrimSpace(left) == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are still %s", left)
		}
	}
}

// TestRealProvider is `lapse run --provider kubernetes` from nothing to a verdict, and to nothing again.
func TestRealProvider(t *testing.T) {
	c, lapse, manifests := begin(t)
	c.Kubectl(t, "apply", "-k", manifests+"/provider")
	o := outside{c, lapse, c.Kubeconfig(t, "lapse", "lapse-provider"), t.TempDir(), t.TempDir()}

	t.Run("quorumkv", func(t *testing.T) {
		e := o.run(t, "--target=quorumkv", "--write-level=1", "--read-level=1", "--model=read-your-writes", "--faults=partition-one,kill,pause", "--fault-interval=8s", "--duration=30s", "--rate=300")
		e.expect(t, 1, "3 nodes are ready", "took effect", "healed", "read-your-writes     ✗ violated", "is copied out to ", "is removed")
		o.nothing(t)
		text, err := o.Try("env", "XDG_CACHE_HOME="+o.cache, o.lapse, "show", "latest", "--out="+o.out)
		if err != nil && !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(text, "read-your-writes") {
			t.Errorf("the run that was copied out: %v, %s", err, text)
		}
	})
	t.Run("held", func(t *testing.T) {
		o.run(t, "--target=quorumkv", "--write-level=2", "--read-level=2", "--model=read-your-writes", "--faults=partition-one", "--fault-interval=8s", "--duration=20s").
			expect(t, 0, "isolate n", "took effect", "healed", "result: held")
		o.nothing(t)
	})
	t.Run("reschedule", func(t *testing.T) {
		for _, name := range []string{"a", "b", "c"} {
			c.Volume(t, name)
		}
		o.run(t, "--target=quorumkv", "--write-level=2", "--read-level=2", "--volume=1Gi", "--model=read-your-writes", "--faults=reschedule", "--fault-interval=8s", "--duration=20s").
			expect(t, 0, "reschedule n", "took effect", "healed", "result: held")
		o.nothing(t)
	})
	t.Run("interrupted", func(t *testing.T) {
		done := make(chan ended, 1)
		go func() {
			done <- o.run(t, "--target=quorumkv", "--namespace-prefix=interrupted", "--model=read-your-writes", "--faults=none", "--duration=20m", "--progress-interval=1s")
		}()
		o.awaitLoad(t, "interrupted")
		o.signal(t, "interrupted", "INT")
		(<-done).expect(t, 130, "told to end in good order", "is copied out to ", "is removed")
		o.nothing(t)
	})
	t.Run("killed", func(t *testing.T) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = o.Try("env", o.lapseRun("--target=quorumkv", "--namespace-prefix=killed", "--model=read-your-writes", "--faults=none", "--duration=20m")...) // it is killed
		}()
		o.awaitLoad(t, "killed")
		o.signal(t, "killed", "KILL")
		<-done
		if left := c.Kubectl(t, "get", "namespaces", "-l", "app.kubernetes.io/managed-by=lapse", "-o", "name"); !strings.Contains(left, "namespace/killed-") {
			t.Errorf("what was killed has left %q", left)
		}
		text, _ := o.Try("env", "XDG_CACHE_HOME="+o.cache, "KUBECONFIG="+o.kubeconfig, o.lapse, "clean") // a machine without an engine of containers is an error
		if !strings.Contains(text, "removed namespace killed-") {
			t.Errorf("it cleans %q", text)
		}
		o.nothing(t)
	})
	t.Run("keeper", func(t *testing.T) {
		o.keeper(t)
		o.nothing(t)
	})
	t.Run("without a claim", func(t *testing.T) {
		o.run(t, "--target=quorumkv", "--faults=reschedule", "--duration=20s").expect(t, 3, "give each node a claim with --volume")
	})
	t.Run("no image", func(t *testing.T) {
		o.run(t, "--target=quorumkv", "--image=nowhere.example/none:1", "--faults=none", "--duration=10s").expect(t, 3, "cannot be started: ", "nowhere.example/none:1", "is removed")
		o.nothing(t)
	})
	t.Run("without rights", func(t *testing.T) {
		c.Kubectl(t, "patch", "clusterrole", "lapse-provider", "--type=json", "-p", `[{"op":"remove","path":"/rules/8"}]`)
		o.run(t, "--target=quorumkv", "--faults=partition-one", "--duration=20s").expect(t, 3, "it has no right to patch pods/ephemeralcontainers", "lapse-provider")
		c.Kubectl(t, "apply", "-k", manifests+"/provider")
		o.nothing(t)
	})
}

func asExit(err error, exit **exec.ExitError) bool { return errors.As(err, exit) }

// awaitLoad waits until lapse runs beside the nodes of the run in a namespace of that prefix.
func (o outside) awaitLoad(t *testing.T, prefix string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		for name := range strings.FieldsSeq(o.Kubectl(t, "get", "namespaces", "-l", "app.kubernetes.io/managed-by=lapse", "-o", "name")) {
			_, name, _ = strings.Cut(name, "/")
			if !strings.HasPrefix(name, prefix+"-") {
				continue
			}
			if log, err := o.TryKubectl("-n", name, "logs", "job/lapse", "-c", "lapse"); err == nil && strings.Contains(log, "setup ") {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no load in a namespace %s-...", prefix)
		}
	}
}

// signal is for the lapse that was started with that prefix, as this machine numbers it.
func (o outside) signal(t *testing.T, prefix, name string) {
	t.Helper()
	pid, err := exec.Command("pgrep", "--full", "^"+o.lapse+" run .*--namespace-prefix="+prefix).Output()
	if err != nil || len(strings.Fields(string(pid))) != 1 {
		t.Fatalf("looking for lapse: %v, %q", err, pid)
	}
	if out, err := exec.Command("kill", "-"+name, strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// keeper removes a namespace at its deadline, with the rights that a run's has, when nobody else does.
func (o outside) keeper(t *testing.T) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = o.Try("env", o.lapseRun("--target=quorumkv", "--namespace-prefix=kept", "--model=read-your-writes", "--faults=none", "--duration=20m")...) // it is killed
	}()
	o.awaitLoad(t, "kept")
	o.signal(t, "kept", "KILL")
	<-done
	var namespace string
	for name := range strings.FieldsSeq(o.Kubectl(t, "get", "namespaces", "-l", "app.kubernetes.io/managed-by=lapse", "-o", "name")) {
		if strings.HasPrefix(name, "namespace/kept-") {
			_, namespace, _ = strings.Cut(name, "/")
		}
	}
	// The same keeper, whose deadline is now: nobody waits for an hour here.
	var job map[string]any
	if err := json.Unmarshal([]byte(o.Kubectl(t, "-n", namespace, "get", "job/keeper", "-o", "json")), &job); err != nil {
		t.Fatal(err)
	}
	pod := job["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	container := pod["containers"].([]any)[0].(map[string]any)
	args := container["args"].([]any)
	args[len(args)-1] = time.Now().UTC().Format(time.RFC3339)
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "now", "namespace": namespace}, "spec": pod})
	if err != nil {
		t.Fatal(err)
	}
	o.Apply(t, string(text))
}
