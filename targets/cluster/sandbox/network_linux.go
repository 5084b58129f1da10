package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

// network implements cluster.Network. A cut of a link is a rule at its receiving
// end that drops by source address: for the sender it is silence, as on a real
// network (dropped at the sender, a packet would be an error to the program).
type network struct{ c *sandboxed }

// byReceiver groups links by the end that has to act.
func (w network) byReceiver(links []cluster.Link) (map[string][]netip.Addr, error) {
	out := map[string][]netip.Addr{}
	for _, l := range links {
		if l.From == l.To {
			return nil, fmt.Errorf("link %v leads nowhere", l)
		}
		from, err := w.c.end(l.From)
		if err != nil {
			return nil, fmt.Errorf("link %v: %w", l, err)
		}
		if _, err := w.c.end(l.To); err != nil {
			return nil, fmt.Errorf("link %v: %w", l, err)
		}
		out[l.To] = append(out[l.To], from.addr)
	}
	return out, nil
}

func (w network) Cut(ctx context.Context, links ...cluster.Link) error {
	return w.each(ctx, links, (*nft.Firewall).Drop)
}

func (w network) Heal(ctx context.Context, links ...cluster.Link) error {
	return w.each(ctx, links, (*nft.Firewall).Accept)
}

func (w network) each(ctx context.Context, links []cluster.Link, act func(*nft.Firewall, ...netip.Addr) error) error {
	by, err := w.byReceiver(links)
	if err != nil {
		return err
	}
	for to, from := range by {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := w.c.end(to)
		if err != nil {
			return err
		}
		if err := e.ns.hold(func() error { return act(e.fw, from...) }); err != nil {
			return fmt.Errorf("at %s: %w", to, err)
		}
	}
	return nil
}

// HealAll tries every end, even if one fails.
func (w network) HealAll(context.Context) error {
	errs := []error{w.c.hub.ns.hold(w.c.hub.fw.AcceptAll)}
	for _, n := range w.c.nodes {
		errs = append(errs, n.ns.hold(n.fw.AcceptAll))
	}
	return errors.Join(errs...)
}

// Drops does not count probes.
func (w network) Drops(ctx context.Context) (map[cluster.Link]cluster.Drops, error) {
	ends := append([]string{cluster.Clients}, w.c.spec.Nodes...)
	name := map[netip.Addr]string{}
	for _, n := range ends {
		e, err := w.c.end(n)
		if err != nil {
			return nil, err
		}
		name[e.addr] = n
	}
	out := map[cluster.Link]cluster.Drops{}
	for _, to := range ends {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := w.c.end(to)
		if err != nil {
			return nil, err
		}
		var dropped map[netip.Addr]cluster.Drops
		err = e.ns.hold(func() error {
			dropped, err = e.fw.Dropped()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("at %s: %w", to, err)
		}
		for from, d := range dropped {
			out[cluster.Link{From: name[from], To: to}] = d
		}
	}
	return out, nil
}

// probeEvery is how often a probe's datagram is sent again.
const probeEvery = 50 * time.Millisecond

// Probe sends datagrams from a socket at one end to a socket at the other, with
// nothing coming back: it tests the kernels' network, not the processes, and one
// direction only.
func (w network) Probe(ctx context.Context, link cluster.Link) error {
	if _, err := w.byReceiver([]cluster.Link{link}); err != nil {
		return err
	}
	from, err := w.c.end(link.From)
	if err != nil {
		return err
	}
	to, err := w.c.end(link.To)
	if err != nil {
		return err
	}
	in, err := to.listen()
	if err != nil {
		return fmt.Errorf("probing %v: %w", link, err)
	}
	defer in.Close()
	out, err := from.listen()
	if err != nil {
		return fmt.Errorf("probing %v: %w", link, err)
	}
	defer out.Close()
	nonce := []byte(rand.Text())
	buf := make([]byte, 2*len(nonce))
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("probing %v: %w", link, cluster.ErrUnreachable)
		}
		// The network may refuse (no route yet); what counts is arrival.
		_, sendErr := out.WriteToUDPAddrPort(nonce, in.LocalAddr().(*net.UDPAddr).AddrPort())
		until := time.Now().Add(probeEvery)
		if d, ok := ctx.Deadline(); ok && d.Before(until) {
			until = d
		}
		if err := in.SetReadDeadline(until); err != nil {
			return fmt.Errorf("probing %v: %w", link, err)
		}
		for {
			n, sender, err := in.ReadFromUDPAddrPort(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return fmt.Errorf("probing %v: %w", link, errors.Join(err, sendErr))
			}
			if string(buf[:n]) == string(nonce) && sender.Addr().Unmap() == from.addr {
				return nil
			}
		}
	}
}

// listen opens a socket at this end, whose packets are marked as a probe's.
func (e end) listen() (*net.UDPConn, error) {
	var conn *net.UDPConn
	err := e.ns.do(func() error {
		var err error
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.addr, 0)))
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
		conn.Close()
		return nil, fmt.Errorf("marking a probe: %w", err)
	}
	return conn, nil
}
