package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/disk"
	"github.com/lapse-test/lapse/targets/cluster/spawn"
)

// init makes this process the first one of the sandbox if Enter started it so.
// It is done here, not in main, so that every binary with this package in it,
// test binaries included, can be re-executed.
func init() {
	text, ok := os.LookupEnv(envInit)
	if !ok || os.Getpid() != 1 {
		return
	}
	// Not os.Exit: what the runtime does at the end of a program (coverage, the
	// race detector's pause) is the harness's business.
	syscall.Exit(initMain(text))
}

func initMain(text string) int {
	rep := os.NewFile(reportFD, "report")
	fail := func(doing string, err error, way string) int {
		_ = json.NewEncoder(rep).Encode(report{Doing: doing, Err: err.Error(), Way: way})
		return 125
	}
	for _, fd := range []int{lifelineFD, reportFD, initNotesFD} {
		syscall.CloseOnExec(fd)
	}
	list := os.NewFile(initNotesFD, "notes")
	sigs := make(chan os.Signal, 64)
	signal.Notify(sigs, append([]os.Signal{parentDied}, forwarded...)...)
	parentGone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(lifelineFD, "lifeline"))
		close(parentGone)
	}()

	var ord orders
	if err := json.Unmarshal([]byte(text), &ord); err != nil {
		return fail("reading the orders of init", err, "")
	}
	for i := range ord.Files {
		syscall.CloseOnExec(initNotesFD + 1 + i)
	}
	_ = os.Unsetenv(envInit)
	if err := setUp(ord); err != nil {
		return fail(err.doing, err.err, err.way)
	}
	_ = os.Setenv(envInside, marker{pidNS: pidNamespace(), private: ord.Private, files: ord.Files, owner: ord.Owner}.String())
	if ord.Try != nil {
		go func() {
			<-parentGone
			syscall.Exit(1)
		}()
		err := tryOut(context.Background(), inWords(ord.Try.Needs))
		var lacks *cluster.EnvironmentError
		if errors.As(err, &lacks) {
			return fail(lacks.Doing, lacks.Err, lacks.Way)
		}
		if err != nil {
			return fail("trying out a node in a network namespace", err, wayOut(ord.Rootless, err, readSetting))
		}
		_ = json.NewEncoder(rep).Encode(report{})
		return 0
	}
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr, list} // notesFD
	for i := range ord.Files {
		files = append(files, os.NewFile(uintptr(initNotesFD+1+i), "given"))
	}
	p, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), ord.Env...),
		Files: files,
	})
	for _, f := range files[notesFD+1:] {
		_ = f.Close() // the harness has them; their other ends wait for its end
	}
	if err != nil {
		return fail("starting the harness in the sandbox", err, "")
	}
	_ = json.NewEncoder(rep).Encode(report{})
	_ = rep.Close()
	return watch(p.Pid, sigs, parentGone, list)
}

// watch reaps, forwards signals to the harness, and ends everything when the
// harness or the outer process has ended.
func watch(harness int, sigs <-chan os.Signal, parentGone <-chan struct{}, list *os.File) int {
	ended := make(chan syscall.WaitStatus, 1)
	none := make(chan struct{})
	go func() {
		defer close(none)
		// Every process of the sandbox is a child in the end.
		spawn.Reap(harness, func(ws syscall.WaitStatus) { ended <- ws })
	}()
	code := 128 + int(syscall.SIGKILL)
loop:
	for {
		select {
		case ws := <-ended:
			code = ws.ExitStatus()
			if ws.Signaled() {
				code = 128 + int(ws.Signal())
			}
			break loop
		case <-parentGone:
			break loop
		case s := <-sigs:
			if s == parentDied {
				break loop
			}
			_ = syscall.Kill(harness, s.(syscall.Signal))
		}
	}
	_ = syscall.Kill(-1, syscall.SIGKILL)
	<-none
	detachDisks()
	removeNoted(list)
	return code
}

// setUpError is a step of setUp that failed.
type setUpError struct {
	doing string
	err   error
	way   string
}

func setUp(ord orders) *setUpError {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return &setUpError{"making mounts private", err, wayOut(ord.Rootless, err, readSetting)}
	}
	// /proc must show the processes of this PID namespace: which process is
	// on which node is read there. The kernel refuses where parts of the old
	// /proc are masked, as in most containers.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return &setUpError{"mounting /proc", err, wayOut(ord.Rootless, err, readSetting)}
	}
	opts := "mode=1777"
	if ord.Size > 0 {
		opts += fmt.Sprintf(",size=%d", ord.Size)
	}
	if err := unix.Mount("lapse", ord.Private, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		return &setUpError{"mounting a private " + ord.Private, err, wayOut(ord.Rootless, err, readSetting)}
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return &setUpError{"bringing up the loopback interface", err, otherwise}
	}
	return nil
}

// tryOut makes a cluster of one node, cuts it off, and heals it. That the kernel cannot
// do that is a *cluster.EnvironmentError.
func tryOut(ctx context.Context, needs []cluster.Capability) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	logs := filepath.Join(Private(), "logs")
	c, err := Provider{}.Open(ctx, cluster.Spec{Run: "try", Nodes: []string{"n1"}, LogDir: logs, Needs: needs})
	if err != nil {
		return err
	}
	link := cluster.Link{From: cluster.Clients, To: "n1"}
	if err := c.Network().Cut(ctx, link); err != nil {
		return err
	}
	if _, err := c.Network().Drops(ctx); err != nil {
		return err
	}
	if err := c.Network().HealAll(ctx); err != nil {
		return err
	}
	return c.Close(ctx)
}

// detachDisks unmounts the nodes' disks, which nobody serves any more: a directory with one in
// it cannot be removed.
func detachDisks() {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return // nobody is left to be told
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == disk.Type {
			_ = unix.Unmount(unescape(f[1]), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		}
	}
}

// unescape is a path of /proc/self/mounts, where spaces and the like are octal numbers.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
