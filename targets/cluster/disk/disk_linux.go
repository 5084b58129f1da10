package disk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// device is how a program serves a file system.
const device = "/dev/fuse"

// Available says why this process can mount no file system of its own, as far as that can be
// said without trying; nil if nothing stands in the way. It is a *cluster.EnvironmentError.
func Available() error {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		return unix.Close(fd)
	}
	return refused(err)
}

func refused(err error) error {
	way := "leave the disk's faults out, or run where the kernel has FUSE"
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		way = "load the kernel's module with `sudo modprobe fuse`; in a container give it the device with --device /dev/fuse"
	case errors.Is(err, unix.EACCES):
		way = "let users open it with `sudo chmod 666 /dev/fuse`, or run as root"
	case errors.Is(err, unix.EPERM):
		way = "in a container give it the device with --device /dev/fuse and start it with --privileged"
	}
	return &cluster.EnvironmentError{Doing: "opening " + device + " for a disk that can be broken", Err: err, Way: way}
}

// Options is how a disk is to be.
type Options struct {
	// Backing is the directory that everything is stored in, Mount the one at which it is
	// seen from then on. Both must be there. Log is its own log, which is appended to.
	Backing, Mount, Log string
	// Trusted says that what this process writes is durable at once, and meets no fault: it
	// prepares the machine. What it reads is read as by any other.
	Trusted bool
}

// Disk is a mounted file system, served by a process of its own. It implements cluster.Disk.
type Disk struct {
	mount string
	proc  *os.Process
	ended chan struct{} // closed when the process that serves has ended
	root  *os.File      // the mount's
	talk  *talk
}

var _ cluster.Disk = (*Disk)(nil)

// Mount starts who serves a file system and mounts it in this process's mount namespace.
func Mount(ctx context.Context, o Options) (*Disk, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	control, end, err := socketPair()
	if err != nil {
		return nil, err
	}
	d := &Disk{mount: o.Mount, talk: newTalk(control), ended: make(chan struct{})}
	err = d.start(end)
	_ = end.Close() // the other process has it
	if err != nil {
		_ = control.Close()
		return nil, err
	}
	ord := orders{Backing: o.Backing, Mount: o.Mount, Log: o.Log, Overflow: os.TempDir()}
	if o.Trusted {
		ord.Harness = os.Getpid()
	}
	if _, err := d.ask(ctx, ord); err != nil {
		err = &cluster.EnvironmentError{Doing: "mounting a disk that can be broken at " + o.Mount, Err: err,
			Way: "leave the disk's faults out; in a container start it with --privileged and --device /dev/fuse"}
		return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	if d.root, err = os.Open(o.Mount); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a disk: %w", err), d.Close(context.WithoutCancel(ctx)))
	}
	return d, nil
}

// socketPair is a connection to a child, and its end.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")
	c, err := net.FileConn(ours)
	_ = ours.Close() // c is another descriptor
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	return c.(*net.UnixConn), theirs, nil
}

// start starts the process that serves. Its parent-death signal is tied to the thread that
// started it, which stays, locked, until it has ended.
func (d *Disk) start(control *os.File) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = os.Args[0]
	cmd.Dir = "/"
	cmd.Env = []string{envServe + "=1"}
	cmd.ExtraFiles = []*os.File{control}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // that it ended is what counts
			close(d.ended)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting who serves a disk: %w", err)
	}
	d.proc = cmd.Process
	return nil
}

// ErrGone is what is said of a disk that nobody serves any more. Nothing brings it back: whoever
// uses it gets ENOTCONN.
var ErrGone = errors.New("the process that serves the disk has ended, and the disk with it (was it killed, for want of memory perhaps?): run it again")

// Gone is ErrGone of a disk that nobody serves any more, nil of any other.
func (d *Disk) Gone() error {
	select {
	case <-d.ended:
		return ErrGone
	default:
		return nil
	}
}

// patience is how long an answer may take if the context has no end.
const patience = time.Minute

// ask sends a request, or the orders, and waits for the answer, as long as ctx lets it. What was sent
// is done all the same then, before anything that is asked for later.
func (d *Disk) ask(ctx context.Context, what any) (answer, error) {
	if err := d.Gone(); err != nil {
		return answer{}, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		return answer{}, fmt.Errorf("asking who serves a disk: %w", err)
	}
	select {
	case a, ok := <-d.talk.send(what):
		if !ok {
			// Its end of the connection is closed a moment before it is seen to have ended.
			return a, fmt.Errorf("asking who serves a disk: %w", ErrGone)
		}
		if a.Err != "" {
			return a, errors.New(a.Err)
		}
		return a, nil
	case <-ctx.Done():
		return answer{}, fmt.Errorf("asking who serves a disk: %w", ctx.Err())
	}
}

// Settle implements cluster.Disk.
func (d *Disk) Settle(ctx context.Context) error {
	if err := d.writeBack(); err != nil {
		return err
	}
	_, err := d.ask(ctx, request{Settle: true})
	return err
}

// writeBack has the kernel hand over what was written to mapped files.
func (d *Disk) writeBack() error {
	if err := unix.Syncfs(int(d.root.Fd())); err != nil {
		return fmt.Errorf("writing back what is in memory: %w", err)
	}
	return nil
}

// PowerFailure implements cluster.Disk.
func (d *Disk) PowerFailure(ctx context.Context, p cluster.PowerFailure) (cluster.DiskLoss, error) {
	// Otherwise it might be written after the power has failed.
	if err := d.writeBack(); err != nil {
		return cluster.DiskLoss{}, err
	}
	a, err := d.ask(ctx, request{Power: &p})
	return a.Loss, err
}

// Break implements cluster.Disk.
func (d *Disk) Break(ctx context.Context, f cluster.DiskFault) error {
	_, err := d.ask(ctx, request{Break: &f})
	return err
}

// Mend implements cluster.Disk.
func (d *Disk) Mend(ctx context.Context) error {
	_, err := d.ask(ctx, request{Mend: true})
	return err
}

// Counts implements cluster.Disk.
func (d *Disk) Counts(ctx context.Context) (cluster.DiskCounts, error) {
	a, err := d.ask(ctx, request{Counts: true})
	return a.Counts, err
}

// Close unmounts the file system, even if it is in use, and ends who serves it. Further calls
// do nothing.
func (d *Disk) Close(ctx context.Context) error {
	if d.root != nil {
		_ = d.root.Close() // nothing was written
	}
	err := unix.Unmount(d.mount, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		err = nil // it is not mounted
	}
	_ = d.talk.conn.Close() // may be closed; who serves it ends then
	select {
	case <-d.ended:
	case <-ctx.Done():
		_ = d.proc.Kill()
		<-d.ended
	}
	if err != nil {
		return fmt.Errorf("unmounting a disk: %w", err)
	}
	return nil
}
