package externaltest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lapse-test/lapse/targets/cluster/kubernetes/kubernetestest"
)

var podsResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

const storePort = 7400

// pods are a store whose nodes are pods as far as the API knows. This is what a kubelet and
// a StatefulSet's controller do: a pod that is deleted has its process ended, and another of
// the same name comes up at another address with its data. Names are in a file of hosts that
// every process here sees in place of the machine's.
type pods struct {
	dir, hosts string
	api        dynamic.ResourceInterface
	owner      string
	names      []string
	// born counts the pods that there have been.
	born int
	at   map[string]string
	runs map[string]*exec.Cmd
}

// hostsAs has the program below it see these hosts.
func hostsAs(hosts, program string) string {
	user := ""
	if os.Geteuid() != 0 {
		user = "-r "
	}
	return fmt.Sprintf("#!/bin/sh\nexec unshare %s-m sh -c 'mount --bind %s /etc/hosts && exec %s \"$@\"' sh \"$@\"\n", user, hosts, program)
}

// startPods has three of them, ready. The kubeconfig is one that may do everything.
func startPods(t *testing.T, kubeconfig, owner string) *pods {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	must(t, err)
	rest, err := clientcmd.NewNonInteractiveClientConfig(*config, kubernetestest.Context, nil, nil).ClientConfig()
	must(t, err)
	client, err := dynamic.NewForConfig(rest)
	must(t, err)
	p := &pods{
		dir: t.TempDir(), api: client.Resource(podsResource).Namespace(kubernetestest.Namespace), owner: owner,
		names: []string{"db-0", "db-1", "db-2"}, at: map[string]string{}, runs: map[string]*exec.Cmd{},
	}
	p.hosts = filepath.Join(p.dir, "hosts")
	must(t, os.WriteFile(p.hosts, nil, 0o644))
	wrapped := filepath.Join(p.dir, "lapse")
	must(t, os.WriteFile(wrapped, []byte(hostsAs(p.hosts, binary)), 0o755))
	plain := binary
	binary = wrapped
	t.Cleanup(func() { binary = plain })
	for _, name := range p.names {
		p.at[name] = p.address()
	}
	must(t, p.write())
	for _, name := range p.names {
		must(t, p.create(t.Context(), name))
		must(t, p.run(name))
	}
	for _, name := range p.names {
		await(t, name+" to serve", func(ctx context.Context) error { return p.serves(ctx, name) })
		must(t, p.ready(t.Context(), name))
	}
	ctx, cancel := context.WithCancel(context.Background())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		p.keep(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-kept
		for _, name := range p.names {
			p.end(name)
		}
	})
	return p
}

// address is one of this machine that no pod has had; all are of one length, so that the
// file of hosts is never half-written.
func (p *pods) address() string {
	p.born++
	return "127.7.1.1" + fmt.Sprintf("%02d", p.born)
}

func (p *pods) write() error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for _, name := range p.names {
		fmt.Fprintf(&b, "%s %s.db.%s.svc\n", p.at[name], name, kubernetestest.Namespace)
	}
	f, err := os.OpenFile(p.hosts, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(b.String()), 0); err != nil {
		return err
	}
	return f.Close()
}

func (p *pods) create(ctx context.Context, name string) error {
	pod := kubernetestest.Pod{Name: name, Subdomain: "db", Claim: "data-" + name, Machine: "machine"}
	_, err := p.api.Create(ctx, &unstructured.Unstructured{Object: pod.Object(p.owner)}, metav1.CreateOptions{})
	return err
}

// run starts the process of a pod.
func (p *pods) run(name string) error {
	args := []string{"quorumkv", "serve", "--node", name, "--listen", p.at[name] + ":" + strconv.Itoa(storePort), "--data-dir", filepath.Join(p.dir, name),
		"--peer-timeout", "300ms", "--request-timeout", "600ms"}
	for _, peer := range p.names {
		if peer != name {
			args = append(args, "--peers", fmt.Sprintf("%s=%s.db.%s.svc:%d", peer, peer, kubernetestest.Namespace, storePort))
		}
	}
	cmd := exec.Command(filepath.Join(p.dir, "lapse"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.runs[name] = cmd
	return cmd.Start()
}

func (p *pods) serves(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.at[name]+":"+strconv.Itoa(storePort)+"/health", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// ready says so to the API.
func (p *pods) ready(ctx context.Context, name string) error {
	pod, err := p.api.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod.Object["status"] = kubernetestest.Status("Running", p.at[name], true)
	_, err = p.api.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

func (p *pods) end(name string) {
	if cmd := p.runs[name]; cmd != nil {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
		p.runs[name] = nil
	}
}

// keep replaces what is deleted, until ctx is done.
func (p *pods) keep(ctx context.Context) {
	for ctx.Err() == nil {
		for _, name := range p.names {
			if err := p.replace(ctx, name); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "keeping the pods:", err)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *pods) replace(ctx context.Context, name string) error {
	pod, err := p.api.Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err == nil && pod.GetDeletionTimestamp() == nil {
		return nil
	}
	p.end(name)
	if err == nil {
		if err := p.api.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil {
			return err
		}
	}
	p.at[name] = p.address()
	if err := p.write(); err != nil {
		return err
	}
	if err := p.create(ctx, name); err != nil {
		return err
	}
	if err := p.run(name); err != nil {
		return err
	}
	for p.serves(ctx, name) != nil && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	return p.ready(ctx, name)
}

const podsAt = "k8s:" + kubernetestest.Namespace + "/" + kubernetestest.Selector + ":7400?context=" + kubernetestest.Context

// podsRun is a run on pods, but for its faults.
func podsRun(more ...string) []string {
	return append([]string{"run", "--target", "quorumkv", "--at", podsAt, "--write-level", "2", "--read-level", "2", "--workload", "session",
		"--model", "no-lost-writes", "--duration", "6s", "--fault-interval", "4500ms", "--fault-hold", "1s", "--rate", "200", "--seed", "5", "--progress", "plain"}, more...)
}

// testPods: what is done to pods. The kubeconfig of lapse has the rights of deploy/kubernetes.
func testPods(t *testing.T, kubeconfig string) {
	env := append(cleanEnvironment(), "KUBECONFIG="+kubeconfig)
	t.Run("looked at", func(t *testing.T) {
		lapse(t, env, "doctor", "--target", "quorumkv", "--at", podsAt).expect(t, 0, "db-0.db.shop.svc:7400", "db-2.db.shop.svc:7400")
	})
	t.Run("rescheduled", func(t *testing.T) {
		r := decided(t, 0, env, podsRun("--faults", "reschedule")...)
		r.expect(t, 0, "reschedule n", "db-1.db.shop.svc:7400")
		r.tookEffect(t, 1)
		lapse(t, env, "show", filepath.Join(r.out, runOf(t, r))).expect(t, 0, "is gone as", "its successor has what is in data-db-", "is in service")
	})
	t.Run("harness killed", func(t *testing.T) {
		cmd := exec.Command(binary, podsRun("--faults", "evict", "--fault-hold", "3s", "--out", t.TempDir())...)
		cmd.Env = env
		out, err := cmd.StderrPipe()
		must(t, err)
		must(t, cmd.Start())
		seen := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "evict n") && strings.Contains(lines.Text(), "took effect") {
				seen = true
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // it was killed
		if !seen {
			t.Fatal("no eviction was seen to take effect")
		}
		await(t, "all pods to be ready again", func(ctx context.Context) error {
			if r := lapse(t, env, "doctor", "--target", "quorumkv", "--at", podsAt); r.code != 0 {
				return fmt.Errorf("exit %d: %s", r.code, r.stdout+r.stderr)
			}
			return nil
		})
	})
}

// TestPods: a store that is found by a label, and whose pods are taken away. The API is a
// stand-in; make test-kubernetes takes pods away on a real one.
func TestPods(t *testing.T) {
	api := &kubernetestest.API{Rights: []string{"list pods", "get pods", "delete pods", "create pods/eviction"}}
	kubeconfig := api.Serve(t)
	startPods(t, kubeconfig, "owner")
	testPods(t, kubeconfig)
	api.Change(func() { api.Rights = api.Rights[:2] })
	env := append(cleanEnvironment(), "KUBECONFIG="+kubeconfig)
	lapse(t, env, podsRun("--faults", "reschedule")...).expect(t, 3, "no right to the deletion of pods there; the role lapse-break")
}
