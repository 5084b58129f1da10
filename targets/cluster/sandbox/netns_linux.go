package sandbox

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

// namespace is a network namespace. It is there as long as its descriptor is
// open or a process is in it.
type namespace struct {
	// inode names the namespace in /proc. Later the kernel gives the same number
	// to another one, as it does with the descriptor's: both must only be used
	// within hold.
	inode uint64

	mu sync.RWMutex // write: closing
	fd netns.NsHandle
}

// errClosed is what the operations of a closed cluster return.
var errClosed = errors.New("the cluster is closed")

// hold runs f while the namespace is sure to be there.
func (ns *namespace) hold(f func() error) error {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if !ns.fd.IsOpen() {
		return errClosed
	}
	return f()
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
		defer home.Close()
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

// newNamespace makes a network namespace with its loopback interface up and
// without IPv6, so that there is no way around rules for IPv4.
func newNamespace() (*namespace, error) {
	ns := &namespace{fd: netns.None()}
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
			ns.fd = fd
			return prepareNamespace()
		})
	if err == nil {
		var st unix.Stat_t
		if err = unix.Fstat(int(ns.fd), &st); err == nil {
			ns.inode = st.Ino
			return ns, nil
		}
	}
	ns.close()
	return nil, err
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

// do runs f on a thread in the namespace. Sockets that f opens and processes
// that it starts stay there.
func (ns *namespace) do(f func() error) error {
	return ns.hold(func() error {
		return onThread(func() error {
			if err := netns.Set(ns.fd); err != nil {
				return fmt.Errorf("entering a network namespace: %w", err)
			}
			return nil
		}, f)
	})
}

func (ns *namespace) close() {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.fd.IsOpen() {
		_ = ns.fd.Close()
	}
}
