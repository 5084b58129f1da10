package netspace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Capabilities are those of a Shaped network where the kernel can.
func Capabilities() []cluster.Capability {
	return []cluster.Capability{cluster.HoldsBack, cluster.Resets, cluster.Loses, cluster.Duplicates, cluster.Reorders}
}

// Can says why the kernel lacks what one of the capabilities takes, as a *cluster.EnvironmentError, nil if it
// has all of them. It tries each on a link of its own, because only trying tells.
func (s *Shaped) Can(ctx context.Context, needs []cluster.Capability) error {
	for _, c := range needs {
		if err := s.try(ctx, c); err != nil {
			return &cluster.EnvironmentError{
				Doing: "trying whether this kernel has " + c.Meaning(), Err: err,
				Way: "leave out the faults that need it, or use a kernel that has " + kernelHas[c],
			}
		}
	}
	return nil
}

// kernelHas is what a kernel is built with for each capability.
var kernelHas = map[cluster.Capability]string{
	cluster.HoldsBack:  "CONFIG_NETFILTER_NETLINK_QUEUE, and CONFIG_NFT_QUEUE or CONFIG_NFT_COMPAT with CONFIG_NETFILTER_XT_TARGET_NFQUEUE",
	cluster.Resets:     "CONFIG_INET_DIAG_DESTROY",
	cluster.Loses:      "CONFIG_NFT_NUMGEN",
	cluster.Duplicates: "CONFIG_NFT_NUMGEN and CONFIG_NFT_DUP_IPV4",
	cluster.Reorders:   "what holding packets back needs",
}

// try does what c stands for to one link and undoes it.
func (s *Shaped) try(ctx context.Context, c cluster.Capability) error {
	var q cluster.Quality
	switch c {
	case cluster.HoldsBack:
		q = cluster.Quality{Delay: time.Millisecond}
	case cluster.Reorders:
		q = cluster.Quality{Delay: time.Millisecond, Reorder: 0.5}
	case cluster.Loses:
		q = cluster.Quality{Loss: 0.5, Burst: time.Millisecond}
	case cluster.Duplicates:
		q = cluster.Quality{Duplicate: 0.5}
	case cluster.Resets:
		return s.Network[0].Space.Do(tryDestroy)
	default:
		return errors.New("nobody knows how")
	}
	link := cluster.Link{From: s.Network[1].Name, To: s.Network[0].Name}
	return errors.Join(s.Shape(ctx, q, link), s.Shape(ctx, cluster.Quality{}, link))
}

// tryDestroy aborts a connection that is not there.
func tryDestroy() error {
	nobody := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:1"))
	if err := netlink.SocketDestroy(nobody, nobody); !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("aborting a connection: %w", err)
	}
	return nil
}
