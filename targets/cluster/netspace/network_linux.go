package netspace

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

// End is one end of links: a node, or the clients.
type End struct {
	// Name is the node's, or cluster.Clients.
	Name string
	// Addr is its address, as the other ends see it.
	Addr netip.Addr
	// Space is where packets arrive that are sent to it, and Firewall drops them
	// there.
	Space    *Space
	Firewall *nft.Firewall
}

// Network implements cluster.Network. A cut of a link is a rule at its receiving
// end that drops by source address: for the sender it is silence, as on a real
// network (dropped at the sender, a packet would be an error to the program).
type Network []End

func (w Network) end(name string) (End, error) {
	names := make([]string, len(w))
	for i, e := range w {
		if e.Name == name {
			return e, nil
		}
		names[i] = e.Name
	}
	return End{}, fmt.Errorf("no node %q; there are %s", name, strings.Join(names, ", "))
}

// byReceiver groups links by the end that has to act.
func (w Network) byReceiver(links []cluster.Link) (map[string][]netip.Addr, error) {
	out := map[string][]netip.Addr{}
	for _, l := range links {
		if l.From == l.To {
			return nil, fmt.Errorf("link %v leads nowhere", l)
		}
		from, err := w.end(l.From)
		if err != nil {
			return nil, fmt.Errorf("link %v: %w", l, err)
		}
		if _, err := w.end(l.To); err != nil {
			return nil, fmt.Errorf("link %v: %w", l, err)
		}
		out[l.To] = append(out[l.To], from.Addr)
	}
	return out, nil
}

// Cut implements cluster.Network.
func (w Network) Cut(ctx context.Context, links ...cluster.Link) error {
	return w.each(ctx, links, (*nft.Firewall).Drop)
}

// Heal implements cluster.Network.
func (w Network) Heal(ctx context.Context, links ...cluster.Link) error {
	return w.each(ctx, links, (*nft.Firewall).Accept)
}

func (w Network) each(ctx context.Context, links []cluster.Link, act func(*nft.Firewall, ...netip.Addr) error) error {
	by, err := w.byReceiver(links)
	if err != nil {
		return err
	}
	for to, from := range by {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := w.end(to)
		if err != nil {
			return err
		}
		if err := e.Space.Hold(func() error { return act(e.Firewall, from...) }); err != nil {
			return fmt.Errorf("at %s: %w", to, err)
		}
	}
	return nil
}

// HealAll implements cluster.Network. It tries every end, even if one fails.
func (w Network) HealAll(context.Context) error {
	var errs []error
	for _, e := range w {
		errs = append(errs, e.Space.Hold(e.Firewall.AcceptAll))
	}
	return errors.Join(errs...)
}

// Drops implements cluster.Network. It does not count probes.
func (w Network) Drops(ctx context.Context) (map[cluster.Link]cluster.Drops, error) {
	name := map[netip.Addr]string{}
	for _, e := range w {
		name[e.Addr] = e.Name
	}
	out := map[cluster.Link]cluster.Drops{}
	for _, to := range w {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var dropped map[netip.Addr]cluster.Drops
		err := to.Space.Hold(func() (err error) {
			dropped, err = to.Firewall.Dropped()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("at %s: %w", to.Name, err)
		}
		for from, d := range dropped {
			out[cluster.Link{From: name[from], To: to.Name}] = d
		}
	}
	return out, nil
}

// probeEvery is how often a probe's datagram is sent again.
const probeEvery = 50 * time.Millisecond

// Probe implements cluster.Network. It sends datagrams from a socket at one end to a socket at the other, with
// nothing coming back: it tests the kernels' network, not the processes, and one
// direction only.
func (w Network) Probe(ctx context.Context, link cluster.Link) error {
	_, err := w.oneWay(ctx, link)
	return err
}

// oneWay is how long the first of a Probe's datagrams that arrives takes.
func (w Network) oneWay(ctx context.Context, link cluster.Link) (time.Duration, error) {
	if _, err := w.byReceiver([]cluster.Link{link}); err != nil {
		return 0, err
	}
	from, err := w.end(link.From)
	if err != nil {
		return 0, err
	}
	to, err := w.end(link.To)
	if err != nil {
		return 0, err
	}
	in, err := to.listen()
	if err != nil {
		return 0, fmt.Errorf("probing %v: %w", link, err)
	}
	defer func() { _ = in.Close() }() // nothing was written
	out, err := from.listen()
	if err != nil {
		return 0, fmt.Errorf("probing %v: %w", link, err)
	}
	defer func() { _ = out.Close() }() // what it sent is sent
	nonce := rand.Text()
	buf := make([]byte, 4*len(nonce))
	var sent []time.Time // when each datagram was, by its number
	for {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("probing %v: %w", link, cluster.ErrUnreachable)
		}
		datagram := fmt.Appendf(nil, "%s %d", nonce, len(sent))
		sent = append(sent, time.Now())
		// The network may refuse (no route yet); what counts is arrival.
		_, sendErr := out.WriteToUDPAddrPort(datagram, in.LocalAddr().(*net.UDPAddr).AddrPort())
		until := time.Now().Add(probeEvery)
		if d, ok := ctx.Deadline(); ok && d.Before(until) {
			until = d
		}
		if err := in.SetReadDeadline(until); err != nil {
			return 0, fmt.Errorf("probing %v: %w", link, err)
		}
		for {
			n, sender, err := in.ReadFromUDPAddrPort(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("probing %v: %w", link, errors.Join(err, sendErr))
			}
			text, number, _ := strings.Cut(string(buf[:n]), " ")
			i, err := strconv.Atoi(number)
			if err == nil && text == nonce && i >= 0 && i < len(sent) && sender.Addr().Unmap() == from.Addr {
				return time.Since(sent[i]), nil
			}
		}
	}
}

// listen opens a socket at this end, whose packets are marked as a probe's.
func (e End) listen() (*net.UDPConn, error) {
	var conn *net.UDPConn
	err := e.Space.Do(func() error {
		var err error
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.Addr, 0)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		ctlErr := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, nft.ProbeTOS)
		})
		err = errors.Join(err, ctlErr)
	}
	if err != nil {
		_ = conn.Close() // it is of no use
		return nil, fmt.Errorf("marking a probe: %w", err)
	}
	return conn, nil
}
