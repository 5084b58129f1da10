// Package netspace is networks whose ends are Linux network namespaces, whoever
// made those: links are cut by firewall rules in the namespace of the receiving
// end, and probed by sockets that are opened in the namespaces of both.
package netspace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Space is a network namespace. It is there as long as its descriptor is open or a
// process is in it. Its methods are safe for concurrent use.
type Space struct {
	inode uint64

	mu sync.RWMutex // write: closing
	fd netns.NsHandle
}

// ErrClosed is the error of operations on a closed cluster.
var ErrClosed = errors.New("the cluster is closed")

// Inode names the namespace in /proc. Later the kernel gives the same number to
// another one: it must only be used within Hold.
func (ns *Space) Inode() uint64 { return ns.inode }

// FD is the namespace's descriptor. Its number, too, must only be used within Hold,
// or before anybody can close it.
func (ns *Space) FD() netns.NsHandle { return ns.fd }

// Hold runs f while the namespace is sure to be there.
func (ns *Space) Hold(f func() error) error {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if !ns.fd.IsOpen() {
		return ErrClosed
	}
	return f()
}

// Here is the network namespace of this process.
func Here() (*Space, error) {
	fd, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("opening the clients' network namespace: %w", err)
	}
	return opened(fd)
}

// OfProcess is the network namespace that the process with this id is in.
func OfProcess(pid int) (*Space, error) {
	fd, err := netns.GetFromPid(pid)
	if err != nil {
		return nil, fmt.Errorf("opening the network namespace of process %d: %w", pid, err)
	}
	return opened(fd)
}

// opened takes fd over.
func opened(fd netns.NsHandle) (*Space, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		_ = fd.Close()
		return nil, fmt.Errorf("looking at a network namespace: %w", err)
	}
	return &Space{inode: st.Ino, fd: fd}, nil
}

// onThread runs f on a thread of its own, which is in another network namespace
// before. If it cannot be brought back it ends with the goroutine: Go does not
// use locked threads again.
func onThread(enter func() error, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("looking up the network namespace: %w", err)
			return
		}
		defer func() { _ = home.Close() }() // nothing was written
		err = enter()
		if err == nil {
			err = f()
		}
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// New makes a network namespace with its loopback interface up and
// without IPv6, so that there is no way around rules for IPv4.
func New() (*Space, error) {
	var ns *Space
	err := onThread(
		func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("making a network namespace: %w", err)
			}
			return nil
		},
		func() error {
			fd, err := netns.Get()
			if err != nil {
				return fmt.Errorf("opening a network namespace: %w", err)
			}
			if ns, err = opened(fd); err != nil {
				return err
			}
			return prepareNamespace()
		})
	if err != nil && ns != nil {
		ns.Close()
		ns = nil
	}
	return ns, err
}

// prepareNamespace acts on the namespace of the calling thread.
func prepareNamespace() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bringing up the loopback interface: %w", err)
	}
	for _, which := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("turning off IPv6: %w", err)
		}
	}
	return nil
}

// Do runs f on a thread in the namespace. Sockets that f opens and processes
// that it starts stay there.
func (ns *Space) Do(f func() error) error {
	return ns.Hold(func() error {
		return onThread(func() error {
			if err := netns.Set(ns.fd); err != nil {
				return fmt.Errorf("entering a network namespace: %w", err)
			}
			return nil
		}, f)
	})
}

// Close gives the descriptor up; then only processes keep the namespace.
func (ns *Space) Close() {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.fd.IsOpen() {
		_ = ns.fd.Close()
	}
}
