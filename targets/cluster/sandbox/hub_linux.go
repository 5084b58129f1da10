package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/netspace"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

// hub is where the clients are: the harness's own network namespace, with a
// bridge that has a port for every node and one for the clients. It is never the
// machine's namespace, where Docker's rules would see bridged packets.
//
// The clients' address is not the bridge's own, because the kernel may take a
// second to notice that a bridge has a carrier; of pairs it takes note at once.
type hub struct {
	number int // of the cluster in this sandbox, from 0
	addr   netip.Addr
	table  string
	ns     *netspace.Space
	fw     *nft.Firewall
	bridge *netlink.Bridge
}

// maxClusters is how many clusters can be open in one sandbox at a time, each
// with a subnet 10.77.<number>.0/24.
const maxClusters = 250

// newHub makes the bridge. The kernel lets only one have each name, so that
// clusters which are opened at the same time get different numbers.
func newHub(run string) (*hub, error) {
	h := &hub{table: "lapse-" + run}
	var err error
	if h.ns, err = netspace.Here(); err != nil {
		return nil, err
	}
	for ; ; h.number++ {
		if h.number == maxClusters {
			h.ns.Close()
			return nil, fmt.Errorf("%d clusters are open", maxClusters)
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = fmt.Sprintf("lapse%d", h.number)
		h.bridge = &netlink.Bridge{LinkAttrs: attrs}
		err := netlink.LinkAdd(h.bridge)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EEXIST) {
			h.ns.Close()
			return nil, fmt.Errorf("making a bridge: %w", err)
		}
	}
	h.table = fmt.Sprintf("%s-%d", h.table, h.number)
	h.fw = nft.New(int(h.ns.FD()), h.table)
	h.addr = h.host(1)
	if err := h.up(); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *hub) host(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 77, byte(h.number), byte(i)})
}

func subnet(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(24, 32)}}
}

func (h *hub) up() error {
	if err := netlink.LinkSetUp(h.bridge); err != nil {
		return fmt.Errorf("bringing up the bridge: %w", err)
	}
	return h.connect(h.ns, cluster.Clients, h.clientsInterface(), h.addr)
}

// nodeInterface is the name of a node's interface in its namespace.
const nodeInterface = "eth0"

func (h *hub) clientsInterface() string { return fmt.Sprintf("clients%d", h.number) }

// awaitUp waits until the clients' interface and all ports of the bridge are up.
func (h *hub) awaitUp(ctx context.Context) error {
	names := []string{h.clientsInterface()}
	ports, err := h.ports()
	if err != nil {
		return err
	}
	for _, p := range ports {
		names = append(names, p.Attrs().Name)
	}
	for _, name := range names {
		if err := awaitUp(ctx, h.ns, name); err != nil {
			return fmt.Errorf("the clients' network: %w", err)
		}
	}
	return nil
}

// awaitUp waits until the interface with this name is seen to be up.
func awaitUp(ctx context.Context, ns *netspace.Space, name string) error {
	inside, err := netlink.NewHandleAt(ns.FD())
	if err != nil {
		return fmt.Errorf("opening a netlink socket: %w", err)
	}
	defer inside.Close()
	return cluster.Await(ctx, "interface "+name, func(context.Context) error {
		l, err := inside.LinkByName(name)
		if err != nil {
			return err
		}
		if state := l.Attrs().OperState; state != netlink.OperUp {
			return fmt.Errorf("it is %v", state)
		}
		return nil
	})
}

// ports are the bridge's.
func (h *hub) ports() ([]netlink.Link, error) {
	links, err := listed(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	var ports []netlink.Link
	for _, l := range links {
		if l.Attrs().MasterIndex == h.bridge.Attrs().Index {
			ports = append(ports, l)
		}
	}
	return ports, nil
}

// maxLists is how often a list is asked for until nothing changes meanwhile.
const maxLists = 1000

// listed is what list gives. The kernel marks a list as interrupted while which interfaces came or went, as they do where clusters are
// opened and closed at the same time; it is then asked again.
func listed(list func() ([]netlink.Link, error)) ([]netlink.Link, error) {
	for range maxLists {
		links, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return links, err
		}
	}
	return nil, fmt.Errorf("interfaces came and went %d times meanwhile: %w", maxLists, netlink.ErrDumpInterrupted)
}

// connect gives ns an interface with this name and address, on the bridge.
func (h *hub) connect(ns *netspace.Space, port, name string, addr netip.Addr) error {
	if err := h.plug(ns, port, name, addr); err != nil {
		return fmt.Errorf("connecting %s: %w", port, err)
	}
	return nil
}

func (h *hub) plug(ns *netspace.Space, where, name string, addr netip.Addr) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = fmt.Sprintf("lapse%d.%d", h.number, addr.As4()[3])
	attrs.Alias = where
	attrs.MasterIndex = h.bridge.Attrs().Index
	port := &netlink.Veth{LinkAttrs: attrs, PeerName: name, PeerNamespace: netlink.NsFd(ns.FD())}
	if err := netlink.LinkAdd(port); err != nil {
		return fmt.Errorf("making a pair of interfaces: %w", err)
	}
	if err := netlink.LinkSetUp(port); err != nil {
		return fmt.Errorf("bringing up a port of the bridge: %w", err)
	}
	inside, err := netlink.NewHandleAt(ns.FD())
	if err != nil {
		return fmt.Errorf("opening a netlink socket: %w", err)
	}
	defer inside.Close()
	eth, err := inside.LinkByName(name)
	if err != nil {
		return fmt.Errorf("looking up the interface: %w", err)
	}
	if err := inside.AddrAdd(eth, subnet(addr)); err != nil {
		return fmt.Errorf("giving it its address: %w", err)
	}
	if err := inside.LinkSetUp(eth); err != nil {
		return fmt.Errorf("bringing up the interface: %w", err)
	}
	return nil
}

// close removes the bridge, its ports (and with them the interfaces at their ends)
// and the clients' firewall.
func (h *hub) close() error {
	defer h.ns.Close()
	errs := []error{h.fw.AcceptAll()}
	ports, err := h.ports()
	errs = append(errs, err)
	for _, p := range ports {
		errs = append(errs, netlink.LinkDel(p))
	}
	if err := netlink.LinkDel(h.bridge); err != nil {
		errs = append(errs, fmt.Errorf("removing the bridge: %w", err))
	}
	return errors.Join(errs...)
}
