package providers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/proc"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// Environment variables of a harness that is going to be killed.
const (
	envHarness = "LAPSE_TEST_HARNESS" // "sandbox" or "local"
	envMark    = "LAPSE_TEST_MARK"    // stands in the environment of all its processes
	envDir     = "LAPSE_TEST_DIR"     // holds tmp, disk and logs
	envOnDisk  = "LAPSE_TEST_ON_DISK" // if set: nodes' directories are below disk
	// envIterations is how often each kind of harness is killed (for long
	// trials); the default is short.
	envIterations = "LAPSE_LEAK_ITERATIONS"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	if kind := os.Getenv(envHarness); kind != "" {
		fmt.Fprintln(os.Stderr, harness(kind))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// harness opens a cluster and breaks it in all ways, without end.
func harness(kind string) error {
	ctx := context.Background()
	if kind == "sandbox" {
		inside, code, err := sandbox.Enter(ctx, sandbox.Options{})
		if err != nil {
			return err
		}
		if !inside {
			return fmt.Errorf("ended with code %d", code)
		}
	}
	p, _, err := Choose(ctx, Native(), kind, cluster.Spec{})
	if err != nil {
		return err
	}
	dir, mark := os.Getenv(envDir), os.Getenv(envMark)
	spec := cluster.Spec{
		Run: mark, Nodes: cluster.NodeNames(3), Ports: []int{7000}, LinkByLink: true, LogDir: filepath.Join(dir, "logs"),
	}
	if os.Getenv(envOnDisk) != "" {
		spec.Dir = filepath.Join(dir, "disk")
	}
	c, err := p.Open(ctx, spec)
	if err != nil {
		return err
	}
	start := func(n cluster.Node) error {
		addr, err := c.Bind(n.Name(), 7000)
		if err != nil {
			return err
		}
		program := "serve " + addr
		if n.Name() == "n2" {
			program = "family parent:x"
		}
		command := clustertest.Command(program, envMark+"="+mark)
		command.NotRoot = n.Name() == "n3"
		if err := os.WriteFile(filepath.Join(n.Dir(), "data"), []byte(mark), 0o644); err != nil {
			return err
		}
		return n.Start(ctx, command)
	}
	for _, n := range c.Nodes() {
		if err := start(n); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		n := c.Nodes()[i%3]
		links := cluster.Both(n.Name(), c.Nodes()[(i+1)%3].Name())
		for _, err := range []error{
			c.Network().Cut(ctx, links...),
			n.Pause(ctx),
			n.Resume(ctx),
			n.Kill(ctx),
			c.Network().HealAll(ctx),
			start(n),
		} {
			if err != nil {
				return err
			}
		}
		if s, ok := c.Network().(cluster.Shaper); ok {
			_, reset := s.Reset(ctx, links...)
			q := cluster.Quality{Delay: 100 * time.Millisecond, Jitter: 50 * time.Millisecond, Rate: 1000}
			if err := errors.Join(reset, s.Shape(ctx, q, links...)); err != nil {
				return err
			}
		}
		if _, err := n.Exec(ctx, clustertest.Command("print x", envMark+"="+mark)); err != nil {
			return err
		}
	}
}

func iterations(t *testing.T) int {
	text := os.Getenv(envIterations)
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", envIterations, err)
	}
	return n
}

// TestKillLeavesNothing kills harnesses with SIGKILL at random moments and looks
// for what is left of them: processes, descriptors of their namespaces,
// interfaces, mounts, files.
func TestKillLeavesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	users := []string{"ordinary user"}
	if os.Geteuid() == 0 {
		users = append(users, "root")
	}
	for i, kind := range []string{"sandbox", "local"} {
		for j, user := range users {
			t.Run(kind+"/"+user, func(t *testing.T) {
				t.Parallel()
				k := killer{kind: kind, rnd: rand.New(rand.NewPCG(seed, uint64(2*i+j)))}
				k.binary, k.home = "/proc/self/exe", t.TempDir()
				if user != "root" && os.Geteuid() == 0 {
					k.binary, k.home = sandboxtest.ForNobody(t)
					k.nobody = true
				}
				n := iterations(t)
				for i := range n {
					// The last ones are killed when they are in full swing.
					k.once(t, i, i >= n/2)
				}
				t.Logf("seen before the kills: %+v", k.seen)
				if k.seen.processes == 0 || k.seen.files == 0 || k.seen.namespaces == 0 && kind == "sandbox" {
					t.Errorf("nothing was there before the kills, so that nothing was tested: %+v", k.seen)
				}
			})
		}
	}
}

// traces counts what there is of a run.
type traces struct{ processes, namespaces, interfaces, mounts, files int }

type killer struct {
	kind   string
	rnd    *rand.Rand
	binary string
	home   string
	nobody bool
	seen   traces
}

func (k *killer) once(t *testing.T, i int, whenReady bool) {
	mark := fmt.Sprintf("leak-%s-%d-%d", k.kind, i, k.rnd.Uint32())
	dir := filepath.Join(k.home, mark)
	for _, d := range []string{"tmp", "disk", "logs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
		if k.nobody {
			if err := errors.Join(os.Chown(dir, 65534, 65534), os.Chown(filepath.Join(dir, d), 65534, 65534)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(k.binary)
	cmd.Env = append(os.Environ(), envHarness+"="+k.kind, envMark+"="+mark, envDir+"="+dir, "TMPDIR="+filepath.Join(dir, "tmp"))
	if i%2 == 1 {
		cmd.Env = append(cmd.Env, envOnDisk+"=1")
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Dir = k.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if k.nobody {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if whenReady {
		if _, err := out.Read(make([]byte, 16)); err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("the harness was not ready: %v\n%s", err, errs.String())
		}
	}
	time.Sleep(time.Duration(k.rnd.Int64N(int64(400 * time.Millisecond))))

	spaces := namespaces(mark)
	held := holders(spaces)
	before, _ := look(mark, dir, nil)
	before.namespaces = len(spaces)
	k.seen = traces{
		max(k.seen.processes, before.processes), max(k.seen.namespaces, before.namespaces),
		max(k.seen.interfaces, before.interfaces), max(k.seen.mounts, before.mounts), max(k.seen.files, before.files),
	}
	victim := k.victim(cmd.Process.Pid)
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if victim == cmd.Process.Pid && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the harness ended before it was killed: %v\n%s", err, errs.String())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cluster.Await(ctx, "nothing to be left of "+mark, func(context.Context) error {
		left, what := look(mark, dir, held)
		if left != (traces{}) {
			return fmt.Errorf("%+v: %v", left, what)
		}
		return nil
	}); err != nil {
		t.Errorf("victim %d of %d: %v\n%s", victim, cmd.Process.Pid, err, errs.String())
	}
}

// victim is the process to kill: the one that was started or, in a sandbox,
// sometimes its init or the harness in it.
func (k *killer) victim(pid int) int {
	depth := 0
	if k.kind == "sandbox" && k.rnd.IntN(2) == 0 {
		depth = 1 + k.rnd.IntN(2)
	}
	for range depth {
		child := childOf(pid)
		if child == 0 {
			break // not yet started
		}
		pid = child
	}
	return pid
}

// childOf is the first of a process's children.
func childOf(pid int) int {
	pids, err := proc.Descendants(pid).All()
	if err != nil {
		return 0
	}
	first := 0
	for _, p := range pids {
		if st, err := proc.ReadStat(p); err == nil && st.Parent == pid && (first == 0 || p < first) {
			first = p
		}
	}
	return first
}

// namespaces are the namespaces of the run's processes that are not ours, as
// links in /proc name them.
func namespaces(mark string) map[string]bool {
	out := map[string]bool{}
	for _, pid := range clustertest.Marked(mark) {
		for _, kind := range []string{"net", "pid", "mnt", "user", "ipc"} {
			theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
			if err != nil {
				continue
			}
			if ours, err := os.Readlink("/proc/self/ns/" + kind); err == nil && ours != theirs {
				out[theirs] = true
			}
		}
	}
	return out
}

// look looks for traces of a run, and for those who held its namespaces before.
func look(mark, dir string, held []holder) (n traces, what []string) {
	found := func(count *int, format string, args ...any) {
		*count++
		what = append(what, fmt.Sprintf(format, args...))
	}
	for _, pid := range clustertest.Marked(mark) {
		found(&n.processes, "process %d", pid)
	}
	for _, h := range held {
		if h.there() {
			found(&n.namespaces, "namespace %s %s", h.link, h.to)
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		found(&n.interfaces, "listing interfaces: %v", err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "lapse") {
			found(&n.interfaces, "interface %s", l.Attrs().Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		found(&n.mounts, "listing mounts: %v", err)
	}
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, mark) || strings.Contains(line, " - tmpfs lapse ") {
			found(&n.mounts, "mount %s", line)
		}
	}
	for _, where := range []string{filepath.Join(dir, "tmp"), filepath.Join(dir, "disk")} {
		_ = filepath.WalkDir(where, func(path string, _ fs.DirEntry, err error) error {
			if path != where && !errors.Is(err, fs.ErrNotExist) {
				found(&n.files, "file %s", path)
			}
			return nil
		})
	}
	for _, pattern := range []string{"/dev/shm/*" + mark + "*", "/tmp/*" + mark + "*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			found(&n.files, "%v", err)
		}
		for _, f := range names {
			found(&n.files, "file %s", f)
		}
	}
	return n, what
}

// holder is a process that is in a namespace or has it open. The time at which it
// started tells it from a later process with the same id; the number of a
// namespace alone tells nothing, because the kernel gives it to the next one.
type holder struct {
	pid, link, to, started string
}

// holders are those who keep these namespaces alive.
func holders(spaces map[string]bool) []holder {
	if len(spaces) == 0 {
		return nil
	}
	var out []holder
	for _, pattern := range []string{"/proc/[0-9]*/ns/*", "/proc/[0-9]*/fd/*"} {
		links, err := filepath.Glob(pattern)
		if err != nil {
			panic(err) // the pattern is wrong
		}
		for _, l := range links {
			if to, err := os.Readlink(l); err == nil && spaces[to] {
				pid := strings.Split(l, "/")[2]
				out = append(out, holder{pid, l, to, started(pid)})
			}
		}
	}
	return out
}

func (h holder) there() bool {
	to, err := os.Readlink(h.link)
	return err == nil && to == h.to && started(h.pid) == h.started
}

// started is the time at which a process started, field 22 of proc_pid_stat(5).
func started(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return ""
	}
	return string(f[19])
}
