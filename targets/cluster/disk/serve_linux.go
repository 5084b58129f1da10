package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// envServe makes a process of this binary serve a file system.
const envServe = "LAPSE_DISK_SERVE"

// controlFD is the descriptor on which it gets its orders and answers, as JSON. At its end
// whoever started it is gone.
const controlFD = 3

func init() {
	if os.Getenv(envServe) == "" {
		return
	}
	// Not os.Exit: what the runtime does at the end of a program (coverage, the
	// race detector's pause) is the harness's business.
	syscall.Exit(serveMain())
}

func serveMain() int {
	syscall.CloseOnExec(controlFD)
	// What is sent to the harness must not end this process: processes wait for its answers.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE)
	control := os.NewFile(controlFD, "control")
	in, out := json.NewDecoder(control), json.NewEncoder(control)
	var ord orders
	if err := in.Decode(&ord); err != nil {
		return 1 // the harness was gone before it had said what to do
	}
	s, err := start(ord)
	if err != nil {
		_ = out.Encode(answer{Err: err.Error()})
		return 1
	}
	if err := out.Encode(answer{}); err != nil {
		return 1
	}
	return s.obey(in, out)
}

// service is a file system that is mounted.
type service struct {
	fs     *fileSystem
	server *fuse.Server
}

// start mounts what ord asks for.
func start(ord orders) (*service, error) {
	f, err := os.OpenFile(ord.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	// Modes are those that the kernel asks for.
	syscall.Umask(0)
	root, err := unix.Open(ord.Backing, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", ord.Backing, err)
	}
	fs, err := newFileSystem(root, ord.Harness, ord.Overflow, newJournal(f))
	if err != nil {
		return nil, err
	}
	server, err := fuse.NewServer(fs, ord.Mount, mountOptions(f))
	if err != nil {
		return nil, fmt.Errorf("mounting it: %w", err)
	}
	fs.forget = server.InodeNotify
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, fmt.Errorf("waiting for the mount: %w", err)
	}
	return &service{fs, server}, nil
}

// mountOptions are how the kernel is asked to treat it.
func mountOptions(logs io.Writer) *fuse.MountOptions {
	return &fuse.MountOptions{
		FsName: "lapse", Name: "lapse",
		DirectMountStrict: true, // there need not be a fusermount
		// Processes of a node may be other users than the harness; the kernel checks modes.
		AllowOther: true, Options: []string{"default_permissions"},
		MaxWrite: 256 << 10,
		// Without that each write would ask whether the file has capabilities.
		DisableXAttrs:      true,
		DisableReadDirPlus: true,
		Logger:             log.New(logs, "", log.LstdFlags),
	}
}

// obey answers requests until the harness is gone or wants no more.
func (s *service) obey(in *json.Decoder, out *json.Encoder) int {
	for {
		var r request
		if err := in.Decode(&r); err != nil {
			if errors.Is(err, io.EOF) {
				return 0
			}
			return 1
		}
		a, err := s.answer(r)
		if err != nil {
			a.Err = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return 1
		}
	}
}

func (s *service) answer(r request) (a answer, err error) {
	switch {
	case r.Settle:
		s.fs.settle()
	case r.Power != nil:
		a.Loss, err = s.fs.powerFailure(*r.Power, s.forget)
	case r.Break != nil:
		s.fs.log.failures.Store(0)
		s.fs.log.Info("the disk breaks", "how", fmt.Sprintf("%+v", *r.Break))
		if r.Break.Flip {
			if err = s.fs.flip(r.Break.Seed); err != nil {
				break
			}
		}
		s.fs.faults.add(*r.Break)
	case r.Mend:
		s.fs.faults.mend()
		err = s.fs.putBack()
		s.fs.log.Info("the disk is whole")
	}
	a.Counts = s.fs.counted()
	return a, err
}

// forget has the kernel forget what it has cached of an inode.
func (s *service) forget(id uint64) fuse.Status { return s.fs.forget(id, 0, 0) }

func (f *fileSystem) counted() cluster.DiskCounts {
	c := &f.counts
	out := cluster.DiskCounts{
		Reads: c.reads.Load(), Writes: c.writes.Load(), WrittenBytes: c.writtenBytes.Load(), Syncs: c.syncs.Load(),
		PowerFailures: c.powerFailures.Load(),
		FailedReads:   c.failedReads.Load(), FailedWrites: c.failedWrites.Load(), FailedSyncs: c.failedSyncs.Load(),
		Refused: c.refused.Load(), Slowed: c.slowed.Load(), Broken: f.faults.broken(), Damages: f.damages.copies(),
	}
	for _, n := range f.table.all() {
		if n.unsynced() {
			out.Unsynced++
		}
	}
	return out
}
