package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// patroniOrders gives a real Patroni each order and sees what it says of its cluster: no acknowledged write is lost by any of them.
func patroniOrders(t *testing.T, d *deployment) {
	said := func() (leader string, timeline int, since map[string]string) {
		t.Helper()
		since = map[string]string{}
		d.await("one to lead, and all to serve", func(ctx context.Context) error {
			nodes, err := d.Managed(ctx)
			if err != nil {
				return err
			}
			leader = ""
			for name, n := range nodes {
				if !n.Serves || n.Since == "" {
					return fmt.Errorf("%s is %q, since %q", name, n.State, n.Since)
				}
				if since[name] = n.Since; n.Leads {
					leader, timeline = name, n.Timeline
				}
			}
			if leader == "" {
				return errors.New("nobody leads")
			}
			return nil
		})
		return leader, timeline, since
	}
	all := func(v history.Value) {
		t.Helper()
		d.await("the primary to be followed", func(ctx context.Context) error {
			_, err := d.Primary(ctx)
			return err
		})
		d.await("the write", func(context.Context) error {
			res := d.session(0).do(opTimeout, write(7, v))
			if res.Outcome != history.OK {
				return res.Err
			}
			return nil
		})
		for i := range 3 {
			d.await("every node to follow", shows(d.sessionAt(i, readAny, writeOn), 7, v))
		}
	}
	all(1)
	leader, timeline, _ := said()
	must(t, d.Switchover(d.ctx, leader))
	next, later, since := said()
	if next == leader || later <= timeline {
		t.Errorf("after the switchover %s leads on timeline %d; before, %s on %d", next, later, leader, timeline)
	}
	all(2)
	must(t, d.RestartServer(d.ctx, next))
	same, _, restarted := said()
	if same != next || restarted[next] == since[next] {
		t.Errorf("%s leads, and its server runs since %s; before the restart %s led, since %s", same, restarted[next], next, since[next])
	}
	if restarted[leader] != since[leader] {
		t.Errorf("the server of %s was restarted, too", leader)
	}
	all(3)
	must(t, d.Reinitialize(d.ctx, leader))
	d.await("the standby to be out of service", func(ctx context.Context) error {
		nodes, err := d.Managed(ctx)
		if err == nil && nodes[leader].Serves {
			err = fmt.Errorf("it is %s", nodes[leader].State)
		}
		return err
	})
	if _, _, anew := said(); anew[leader] == restarted[leader] {
		t.Errorf("the server of %s runs since %s as before", leader, anew[leader])
	}
	all(4)
	// What Patroni refuses is an error, and changes nothing.
	if err := d.Switchover(d.ctx, leader); err == nil {
		t.Error("a standby handed over what it has not")
	}
	if err := d.Reinitialize(d.ctx, next); err == nil {
		t.Error("the leader threw its data away")
	}
	if who, _, _ := said(); who != next {
		t.Errorf("%s leads after orders that were refused", who)
	}
	// One URL, and a member that is down.
	addr, err := d.Addr(0, rest)
	must(t, err)
	victim := d.Nodes[1]
	must(t, victim.Kill(d.ctx))
	d.await("the member to be forgotten", func(ctx context.Context) error {
		at, lines, err := Target{}.Locate(ctx, []string{"http://" + addr})
		if err == nil && (len(at) != 2 || len(lines) != 3) {
			err = fmt.Errorf("it names %v: %q", at, lines)
		}
		if err == nil {
			t.Log(lines[2])
		}
		return err
	})
	must(t, d.Restart(d.ctx, victim.Name()))
	d.allReady()
}

// TestOrdersWithoutPatroni: there is nobody who could take them.
func TestOrdersWithoutPatroni(t *testing.T) {
	s := &System{}
	_, err := s.Managed(t.Context())
	for _, err := range []error{err, s.Switchover(t.Context(), "n1"), s.RestartServer(t.Context(), "n1"), s.Reinitialize(t.Context(), "n1")} {
		if !errors.Is(err, errUnmanaged) {
			t.Errorf("an order to nobody: %v", err)
		}
	}
	for _, c := range []struct {
		option string
		want   bool
	}{{failoverPatroni, true}, {"on", false}, {"off", false}} {
		cfg := targets.Config{WriteLevel: writeLocal, Options: map[string]string{optFailover: c.option}}
		if c.option == failoverPatroni {
			cfg = underPatroni()
		}
		cfg, err := Target{}.Resolve(cfg)
		must(t, err)
		if got := managedBy(cfg); got != c.want {
			t.Errorf("failover=%s: takes orders: %v, want %v", c.option, got, c.want)
		}
	}
}

func managedBy(cfg targets.Config) bool {
	for _, a := range (Target{}).Abilities(cfg) {
		if a.String() == "managed" {
			return true
		}
	}
	return false
}
