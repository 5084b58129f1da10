package netspace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// States of TCP (net/tcp_states.h) in which there is no connection, or none any more.
var unconnected = []uint8{netlink.TCP_LISTEN, netlink.TCP_CLOSE, netlink.TCP_TIME_WAIT}

// Reset implements cluster.Shaper: the kernel aborts the sockets at both ends (SOCK_DESTROY),
// each of which also tells the other.
func (s *Shaped) Reset(ctx context.Context, links ...cluster.Link) (int, error) {
	if _, err := s.byReceiver(links); err != nil {
		return 0, err
	}
	ended := map[[2]netip.AddrPort]bool{}
	for _, end := range s.Network {
		var peers []netip.Addr
		for _, l := range links {
			other := l.From
			if other == end.Name {
				other = l.To
			} else if l.To != end.Name {
				continue
			}
			e, err := s.end(other)
			if err != nil {
				return 0, err
			}
			peers = append(peers, e.Addr)
		}
		if len(peers) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return len(ended), err
		}
		if err := end.Space.Do(func() error { return destroy(end.Addr, peers, ended) }); err != nil {
			return len(ended), fmt.Errorf("resetting connections at %s: %w", end.Name, err)
		}
	}
	return len(ended), nil
}

// destroy aborts what is connected between here and the peers in the network namespace of
// this thread, and notes it in ended.
func destroy(here netip.Addr, peers []netip.Addr, ended map[[2]netip.AddrPort]bool) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} { // IPv4 in IPv6 sockets, too
		sockets, err := netlink.SocketDiagTCP(family)
		if err != nil {
			return fmt.Errorf("listing them: %w", err)
		}
		for _, c := range sockets {
			local, remote := addrPort(c.ID.Source, c.ID.SourcePort), addrPort(c.ID.Destination, c.ID.DestinationPort)
			if local.Addr() != here || !slices.Contains(peers, remote.Addr()) || slices.Contains(unconnected, c.State) {
				continue
			}
			err := netlink.SocketDestroy(net.TCPAddrFromAddrPort(local), net.TCPAddrFromAddrPort(remote))
			if err != nil && !errors.Is(err, unix.ENOENT) { // it has ended meanwhile
				return err
			}
			pair := [2]netip.AddrPort{local, remote}
			slices.SortFunc(pair[:], netip.AddrPort.Compare)
			ended[pair] = ended[pair] || err == nil
			if !ended[pair] {
				delete(ended, pair)
			}
		}
	}
	return nil
}

func addrPort(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}
