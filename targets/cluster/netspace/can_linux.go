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

// Traits are what a Shaped network can do where the kernel can.
func Traits() []cluster.Trait {
	return []cluster.Trait{cluster.HoldsBack, cluster.Resets, cluster.Loses, cluster.Duplicates, cluster.Reorders}
}

// Can says why the kernel lacks one of the traits, as a *cluster.EnvironmentError, nil if it
// has all of them. It tries each on a link of its own, because only trying tells.
func (s *Shaped) Can(ctx context.Context, traits []cluster.Trait) error {
	for _, t := range traits {
		if err := s.try(ctx, t); err != nil {
			return &cluster.EnvironmentError{
				Doing: fmt.Sprintf("trying whether this kernel can %s", t), Err: err,
				Way: "leave out the faults that need it, or use a kernel that has " + needed[t],
			}
		}
	}
	return nil
}

// needed is what a kernel is built with for each trait.
var needed = map[cluster.Trait]string{
	cluster.HoldsBack:  "CONFIG_NETFILTER_NETLINK_QUEUE, and CONFIG_NFT_QUEUE or CONFIG_NFT_COMPAT with CONFIG_NETFILTER_XT_TARGET_NFQUEUE",
	cluster.Resets:     "CONFIG_INET_DIAG_DESTROY",
	cluster.Loses:      "CONFIG_NFT_NUMGEN",
	cluster.Duplicates: "CONFIG_NFT_NUMGEN and CONFIG_NFT_DUP_IPV4",
	cluster.Reorders:   "what holding packets back needs",
}

// try does what t stands for to one link and undoes it.
func (s *Shaped) try(ctx context.Context, t cluster.Trait) error {
	var q cluster.Quality
	switch t {
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
