// Package realcluster runs a Kubernetes of one machine for tests: its API server,
// controllers, scheduler and kubelet with etcd, containerd, runc, the bridge plugin and
// CoreDNS, in namespaces of their own. They are built from their Go modules once a user,
// or are Debian's packages. There is no kube-proxy: the two services that matter are
// addresses of the machine. Linux with control groups of version 1, and root, are needed.
package realcluster

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

//go:embed start.sh reap.sh Corefile containerd.toml cni.conflist kubelet.yaml
var texts embed.FS

// Cluster is a Kubernetes that runs. Its methods fail the test that they are given.
type Cluster struct {
	dir string
	// init is the first process in the cluster's namespaces.
	init string
	programs
}

// LapseImage is what the manifests of deploy/kubernetes call lapse's image.
const LapseImage = "registry.example.com/lapse:0.1.0"

// Start starts a cluster that ends with the test, or with its process, however that ends.
// Its one node is ready and has LapseImage, whose entry point is the program lapse.
func Start(t testing.TB, lapse string) *Cluster {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a cluster of Kubernetes takes root: namespaces, mounts and control groups are made")
	}
	// start.sh gives the cluster groups of its own below each controller's, and the cpuset's settings to them.
	if _, err := os.Stat("/sys/fs/cgroup/cpuset/cpuset.cpus"); err != nil {
		t.Fatalf("a cluster of Kubernetes takes control groups of version 1 here, with the controller cpuset: boot the machine with systemd.unified_cgroup_hierarchy=0, or use another (%v)", err)
	}
	c := &Cluster{programs: fetch(t)}
	var err error
	if c.dir, err = os.MkdirTemp("", "lapse-kubernetes-"); err != nil {
		t.Fatal(err)
	}
	c.prepare(t)
	c.begin(t)
	c.await(t, "the API server", time.Minute, func() error { return c.try("get", "--raw", "/readyz") })
	c.await(t, "containerd", time.Minute, func() error {
		_, err := c.run(nil, "ctr", "--address", "/run/containerd.sock", "version")
		return err
	})
	c.importImage(t, "lapse.example/pause:1", filepath.Join(c.beside, "pause"))
	c.importImage(t, LapseImage, lapse)
	c.await(t, "the DNS", time.Minute, func() error {
		said, err := os.ReadFile(filepath.Join(c.dir, "coredns.log"))
		if err == nil && !bytes.Contains(said, []byte("cluster.local.:53 on ")) {
			err = fmt.Errorf("it says %q", said)
		}
		return err
	})
	c.await(t, "the node", 2*time.Minute, func() error { return c.try("wait", "--for=condition=Ready", "node/machine", "--timeout=1s") })
	return c
}

// prepare writes the files that the programs read.
func (c *Cluster) prepare(t testing.TB) {
	t.Helper()
	a := newAuthority(t, c.dir)
	a.issue("apiserver", "kube-apiserver", "", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1", "192.168.77.1", "127.0.0.1")
	a.newKey("accounts.key")
	a.user("admin", "admin", "system:masters")
	a.user("controllers", "system:kube-controller-manager", "")
	a.user("scheduler", "system:kube-scheduler", "")
	a.user("kubelet", "system:node:machine", "system:nodes")
	if err := os.Mkdir(filepath.Join(c.dir, "cni"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"start.sh": "start.sh", "reap.sh": "reap.sh", "Corefile": "Corefile", "containerd.toml": "containerd.toml",
		"cni.conflist": "cni/10-pods.conflist", "kubelet.yaml": "kubelet.yaml",
	} {
		text, err := texts.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		a.file(path, []byte(strings.NewReplacer("DIR", c.dir, "CGROUP", filepath.Base(c.dir)).Replace(string(text))))
	}
	a.file("resolv.conf", []byte("# nothing outside of the cluster\n"))
}

// begin starts the processes, which end with this one's hold on the reaper's input.
func (c *Cluster) begin(t testing.TB) {
	t.Helper()
	reaper := exec.Command("sh", filepath.Join(c.dir, "reap.sh"), c.dir, c.etcd, c.kubernetes, c.beside)
	reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what ends this test's group is not for it
	hold, err := reaper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := reaper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reaper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.logs(t)
		}
		_ = hold.Close() // nothing was written
		if err := reaper.Wait(); err != nil {
			t.Errorf("ending the cluster: %v", err)
		}
		if _, err := os.Stat(c.dir); err == nil {
			t.Errorf("%s was left", c.dir)
		}
	})
	outer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("starting the cluster: %v", err)
	}
	c.await(t, "the first process", 10*time.Second, func() error {
		if _, err := os.Stat(filepath.Join(c.dir, "started")); err != nil {
			return err
		}
		pid, err := exec.Command("pgrep", "-P", strings.TrimSpace(outer)).Output()
		c.init = strings.TrimSpace(string(pid))
		return err
	})
}

// logs shows the end of what each program has written.
func (c *Cluster) logs(t testing.TB) {
	files, _ := filepath.Glob(filepath.Join(c.dir, "*.log")) // the pattern is a good one
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Log(err)
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
		t.Logf("%s:\n%s", filepath.Base(f), bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
	}
}

// await asks until try has no error.
func (c *Cluster) await(t testing.TB, what string, most time.Duration, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(most); ; time.Sleep(100 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready after %s: %v", what, most, err)
		}
	}
}

// run runs a program in the cluster's namespaces, and returns what it prints.
func (c *Cluster) run(input io.Reader, program string, args ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"--target", c.init, "--mount", "--net", "--pid", "--", program}, args...)...)
	cmd.Stdin, cmd.Env = input, append(os.Environ(), "KUBECONFIG="+filepath.Join(c.dir, "admin.conf"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", program, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

func (c *Cluster) inside(t testing.TB, input io.Reader, program string, args ...string) string {
	t.Helper()
	out, err := c.run(input, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *Cluster) try(args ...string) error {
	_, err := c.run(nil, filepath.Join(c.kubernetes, "kubectl"), args...)
	return err
}

// Kubectl runs kubectl as the administrator, and returns what it prints. Paths are absolute.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return c.inside(t, nil, filepath.Join(c.kubernetes, "kubectl"), args...)
}

// TryKubectl is Kubectl for commands that may end with an error.
func (c *Cluster) TryKubectl(args ...string) (string, error) {
	return c.run(nil, filepath.Join(c.kubernetes, "kubectl"), args...)
}

// Try runs a program in the cluster's namespaces, as the administrator, and returns what it prints.
func (c *Cluster) Try(program string, args ...string) (string, error) {
	return c.run(nil, program, args...)
}

// Kubeconfig writes a kubeconfig of a service account, and returns its path.
func (c *Cluster) Kubeconfig(t testing.TB, namespace, account string) string {
	t.Helper()
	token := strings.TrimSpace(c.Kubectl(t, "-n", namespace, "create", "token", account, "--duration=2h"))
	path := filepath.Join(c.dir, account+".conf")
	text := c.Kubectl(t, "config", "view", "--raw", "--flatten")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "--kubeconfig", path, "config", "set-credentials", account, "--token="+token)
	c.Kubectl(t, "--kubeconfig", path, "config", "set-context", "--current", "--user="+account)
	return path
}

// Apply gives the API a manifest.
func (c *Cluster) Apply(t testing.TB, manifest string) {
	t.Helper()
	c.inside(t, strings.NewReader(manifest), filepath.Join(c.kubernetes, "kubectl"), "apply", "-f", "-")
}

// Volume makes a volume of one gigabyte that a claim can have, by the machine's disk.
func (c *Cluster) Volume(t testing.TB, name string) {
	t.Helper()
	path := filepath.Join(c.dir, "volumes", name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Apply(t, fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: %s}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [machine]}]}]}}
`, name, path))
}
