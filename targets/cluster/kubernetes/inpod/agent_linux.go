package inpod

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

// probeTimeout is how long a peer may take to accept a connection.
const probeTimeout = time.Second

// Serve carries out the orders of in until it ends, is silent for Silence, or ctx is done.
// Then all is healed. Its rules are in a table of this name, which must be nobody else's in the pod: one that
// heals late must not heal what another has broken. The error is about what could not be healed, or an order that is none.
func Serve(ctx context.Context, table string, in io.Reader, out io.Writer) error {
	a := &agent{firewall: nft.New(nft.OwnSpace, table), cut: map[string]netip.Addr{}}
	return errors.Join(a.serve(ctx, in, out), a.heal())
}

type agent struct {
	firewall *nft.Firewall
	// cut are the addresses of the peers that are cut off, as they were then.
	cut map[string]netip.Addr
	// held is what was stopped, nil if nothing is.
	held *hold
}

func (a *agent) serve(ctx context.Context, in io.Reader, out io.Writer) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- slices.Clone(scanner.Bytes()):
			case <-ctx.Done():
				return
			}
		}
		ended <- scanner.Err()
	}()
	for {
		select {
		case line := <-lines:
			var o Order
			if err := json.Unmarshal(line, &o); err != nil {
				return fmt.Errorf("an order that cannot be read: %w", err)
			}
			text, err := json.Marshal(a.answer(ctx, o))
			if err != nil {
				return err
			}
			if _, err := out.Write(append(text, '\n')); err != nil {
				return err
			}
		case err := <-ended:
			return err
		case <-time.After(Silence):
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *agent) heal() error {
	return errors.Join(a.release(), a.firewall.AcceptAll())
}

func (a *agent) answer(ctx context.Context, o Order) Answer {
	var answer Answer
	err := a.do(ctx, o)
	if err == nil {
		answer.Dropped, err = a.dropped()
	}
	if err != nil {
		answer.Error, answer.Unreachable = err.Error(), errors.Is(err, cluster.ErrUnreachable)
	}
	return answer
}

func (a *agent) do(ctx context.Context, o Order) error {
	switch o.Command {
	case Ping:
		return a.held.still()
	case cluster.CommandCut:
		return a.drop(o.Peers)
	case cluster.CommandHeal:
		return a.accept(o.Peers)
	case cluster.CommandProbe:
		return probe(ctx, o.Peers)
	case cluster.CommandKill, cluster.CommandPause:
		if a.held != nil {
			return errors.New("the database is held already")
		}
		var err error
		a.held, err = stop(o.Port, o.Command == cluster.CommandKill)
		return err
	case cluster.CommandStart, cluster.CommandResume:
		return a.release()
	}
	return fmt.Errorf("there is no order %q", o.Command)
}

func (a *agent) drop(peers map[string]string) error {
	for name, addr := range peers {
		at, err := netip.ParseAddrPort(addr)
		if err != nil || !at.Addr().Is4() {
			return fmt.Errorf("%s is at %q, which is no IPv4 address", name, addr)
		}
		if err := a.firewall.Drop(at.Addr()); err != nil {
			return err
		}
		a.cut[name] = at.Addr()
	}
	return nil
}

// accept undoes drop, at the addresses as they were then.
func (a *agent) accept(peers map[string]string) error {
	for name := range peers {
		addr, is := a.cut[name]
		if !is {
			continue
		}
		delete(a.cut, name)
		for _, other := range a.cut {
			is = is && other != addr
		}
		if !is {
			continue // another peer is there now, and stays cut off
		}
		if err := a.firewall.Accept(addr); err != nil {
			return err
		}
	}
	return nil
}

func (a *agent) dropped() ([]string, error) {
	now, err := a.firewall.Dropped()
	if err != nil {
		return nil, err
	}
	var out []string
	for addr := range now {
		out = append(out, addr.String())
	}
	slices.Sort(out)
	return out, nil
}

func (a *agent) release() error {
	h := a.held
	a.held = nil
	if h == nil {
		return nil
	}
	return h.release()
}

func probe(ctx context.Context, peers map[string]string) error {
	for name, addr := range peers {
		d := net.Dialer{Timeout: probeTimeout}
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", name, cluster.ErrUnreachable, err)
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return nil
}
