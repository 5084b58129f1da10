package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// orders is what the outer process tells init.
type orders struct {
	Rootless bool
	Private  string
	Size     int64
	Env      []string
	// Try means: no harness; make a node, cut its network, heal it, and end.
	Try *try
	// Files is how many files of the caller's own the harness gets.
	Files int
	// Owner is the outer process.
	Owner string
}

// try is what is tried out.
type try struct {
	// Needs are the words for the capabilities that the node and its network must have.
	Needs []string
}

// Descriptors that init finds open, besides the standard ones.
const (
	lifelineFD = 3 // never written to; at its end the outer process is gone
	reportFD   = 4 // a report as JSON, once
)

// report is what init answers when it has set up, or could not.
type report struct {
	Doing, Err, Way string
}

// parentDied is the signal that init gets when the outer process is gone. It is
// one that nobody sends otherwise, and one that init can answer by cleaning up.
const parentDied = syscall.SIGPWR

// forwarded are the signals that the outer process passes on. init is in a
// session of its own, so that what the terminal sends arrives exactly once.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
}

// Enter runs this command line once more in a sandbox, with the same standard
// input, output and error, passes signals on to it, and returns its exit code
// when it has ended (128 + n if signal n ended it). When ctx is done and no signal
// that was passed on is the reason, it gets a SIGTERM; if ctx is done before it
// began, it does not begin. In the sandbox Enter returns at once, with inside true.
//
// The error is ctx's, or a *cluster.EnvironmentError if this machine does not let us.
func Enter(ctx context.Context, o Options) (inside bool, code int, err error) {
	if Inside() {
		return true, 0, nil
	}
	code, err = run(ctx, o, nil)
	return false, code, err
}

func run(ctx context.Context, o Options, trial *try) (int, error) {
	var pass <-chan os.Signal // nil for a try, which has nobody to pass them to
	if trial == nil {
		// From here on no signal is lost: one that came before has ended ctx.
		sigs := make(chan os.Signal, 16)
		signal.Notify(sigs, forwarded...)
		defer signal.Stop(sigs)
		pass = sigs
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("entering the sandbox: %w", context.Cause(ctx))
	}
	ord := orders{Rootless: !maySetUpAsRoot(), Size: o.PrivateSize, Env: o.Env, Try: trial, Files: len(o.Files)}
	self, err := owner.Self()
	if err != nil {
		return 0, err
	}
	ord.Owner = self.String()
	if ord.Private, err = choosePrivate(o.Visible); err != nil {
		return 0, err
	}
	p, err := startInit(ord, o.Files)
	if err != nil {
		return 0, err
	}
	return p.wait(ctx, pass)
}

// maySetUpAsRoot says whether namespaces can be made without a user namespace.
// In many containers root lacks what it takes.
func maySetUpAsRoot() bool {
	if os.Geteuid() != 0 {
		return false
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	for _, c := range []uint{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN} {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}

// choosePrivate picks the directory over which the private place is mounted.
// /dev/shm comes first because what databases leave there is private then, too.
func choosePrivate(visible []string) (string, error) {
	keep := append([]string{os.TempDir()}, visible...)
	for _, f := range []func() (string, error){os.Getwd, os.Executable} {
		if p, err := f(); err == nil {
			keep = append(keep, p)
		}
	}
	candidates := []string{"/dev/shm", "/mnt", "/media", "/srv"}
	for _, c := range candidates {
		if fi, err := os.Lstat(c); err != nil || !fi.IsDir() {
			continue
		}
		if !holdsAny(c, keep) {
			return c, nil
		}
	}
	return "", &cluster.EnvironmentError{
		Doing: "choosing a place for the nodes' directories",
		Err:   fmt.Errorf("none of %s can be used", strings.Join(candidates, ", ")),
		Way:   "write the results to another directory",
	}
}

func holdsAny(dir string, paths []string) bool {
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return true
		}
		abs = resolve(abs)
		if abs == dir || strings.HasPrefix(abs, dir+"/") {
			return true
		}
	}
	return false
}

// resolve follows the symbolic links of a path whose last parts may not be there
// yet.
func resolve(abs string) string {
	rest := ""
	for p := abs; p != "/"; p = filepath.Dir(p) {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return filepath.Join(real, rest)
		}
		rest = filepath.Join(filepath.Base(p), rest)
	}
	return abs
}

// initProcess is a started init, seen from outside.
type initProcess struct {
	proc     *os.Process
	lifeline *os.File
	report   *os.File
	notes    *os.File
	ended    chan *os.ProcessState
	endErr   error
}

// startInit starts init. Its parent-death signal is tied to the thread that
// started it, which therefore stays, locked, until init has ended.
func startInit(ord orders, files []*os.File) (*initProcess, error) {
	env, err := json.Marshal(ord)
	if err != nil {
		return nil, fmt.Errorf("encoding the orders of init: %w", err)
	}
	lifeR, lifeW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer func() { _ = lifeR.Close() }()
	repR, repW, err := os.Pipe()
	if err != nil {
		_ = lifeW.Close()
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer func() { _ = repW.Close() }()

	notes, err := newNotes()
	if err != nil {
		_ = lifeW.Close()
		_ = repR.Close()
		return nil, err
	}

	attr := &os.ProcAttr{
		Env:   append(OutsideEnviron(), envInit+"="+string(env)),
		Files: append([]*os.File{os.Stdin, os.Stdout, os.Stderr, lifeR, repW, notes}, files...),
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Pdeathsig:  parentDied,
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		},
	}
	if ord.Rootless {
		attr.Sys.Cloneflags |= syscall.CLONE_NEWUSER
		attr.Sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.Sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	p := &initProcess{lifeline: lifeW, report: repR, notes: notes, ended: make(chan *os.ProcessState, 1)}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		p.proc, err = os.StartProcess("/proc/self/exe", os.Args, attr)
		started <- err
		if err != nil {
			return
		}
		state, err := p.proc.Wait()
		p.endErr = err
		p.ended <- state
	}()
	if err := <-started; err != nil {
		_ = lifeW.Close()
		_ = repR.Close()
		_ = notes.Close()
		return nil, refused(ord.Rootless, err)
	}
	return p, nil
}

func (p *initProcess) result(state *os.ProcessState, told []byte) (int, error) {
	code := state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return code, reported(told, state.String())
}

// reported is what init reported went wrong, nil if nothing did; ended is how it ended.
func reported(told []byte, ended string) error {
	var rep report
	if err := json.Unmarshal(told, &rep); err != nil {
		return &cluster.EnvironmentError{
			Doing: "entering the sandbox",
			Err:   fmt.Errorf("its first process ended (%s) before it had set up", ended),
		}
	}
	if rep.Doing == "" {
		return nil
	}
	return &cluster.EnvironmentError{Doing: rep.Doing, Err: errors.New(rep.Err), Way: rep.Way}
}

// without is env without the variables of these names.
func without(env []string, names ...string) []string {
	var out []string
next:
	for _, kv := range env {
		for _, n := range names {
			if strings.HasPrefix(kv, n+"=") {
				continue next
			}
		}
		out = append(out, kv)
	}
	return out
}
