package clustertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// between asks node from, over the clients' link, to open a connection to node
// to and echo through it.
func (b *Bench) between(from, to string) string {
	id := fmt.Sprintf("%s-%d", to, time.Now().UnixNano())
	if got := b.Fresh(from, "hold "+id+" "+b.Way(from, to)); got != "held" {
		return got
	}
	return b.Fresh(from, "use "+id+" x")
}

func cutNodes(t *testing.T, b *Bench) {
	b.Serve()
	for range 2 { // a second time: nothing of the first is left
		b.want("x", b.between("n1", "n2"))
		b.Do(b.Network().Cut(b.Ctx, cluster.Both("n1", "n2")...))
		b.Do(b.Network().Cut(b.Ctx, cluster.Link{From: "n1", To: "n2"})) // stays cut
		b.wantError(b.between("n1", "n2"))
		b.wantError(b.between("n2", "n1"))
		b.want("x", b.between("n1", "n3"))
		b.want("x", b.between("n3", "n2"))
		b.want("x", b.between("n2", "n3"))
		b.Do(b.Network().Heal(b.Ctx, cluster.Both("n1", "n2")...))
		b.Do(b.Network().Heal(b.Ctx, cluster.Both("n1", "n2")...)) // no error
		b.Await("n1 to reach n2 again", func() error { return want("x", b.between("n1", "n2")) })
		b.Await("n2 to reach n1 again", func() error { return want("x", b.between("n2", "n1")) })
	}
}

func cutClients(t *testing.T, b *Bench) {
	b.Serve()
	b.Do(b.Network().Cut(b.Ctx, cluster.Both(cluster.Clients, "n3")...))
	b.wantError(b.Fresh("n3", "echo x"))
	b.want("x", b.Fresh("n1", "echo x"))
	b.want("x", b.between("n1", "n3"))
	b.Do(b.Network().HealAll(b.Ctx))
	b.Await("n3 to answer again", func() error { return want("x", b.Fresh("n3", "echo x")) })
	b.want("x", b.between("n3", "n1"))
}

// notes are what node noted, in the order of arrival.
func (b *Bench) notes(node string) []string { return strings.Fields(b.Fresh(node, "notes")) }

func (b *Bench) noted(node, what string) error {
	if got := b.notes(node); !contains(got, what) {
		return fmt.Errorf("%s noted %v, not %s", node, got, what)
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// oneWay shows on open connections that one direction passes and the other does
// not. A new connection needs both directions, as on a real network.
func oneWay(t *testing.T, b *Bench) {
	b.Serve()
	b.want("held", b.Fresh("n1", "hold there "+b.Way("n1", "n2")))
	b.want("held", b.Fresh("n2", "hold there "+b.Way("n2", "n1")))
	b.want("before", b.Fresh("n1", "use there before"))
	b.want("before", b.Fresh("n2", "use there before"))

	b.Do(b.Network().Cut(b.Ctx, cluster.Link{From: "n1", To: "n2"}))
	b.want("pushed", b.Fresh("n1", "push there blocked"))
	b.want("pushed", b.Fresh("n2", "push there passes"))
	b.Await("n2 to reach n1", func() error { return b.noted("n1", "passes") })
	if err := b.noted("n2", "blocked"); err == nil {
		t.Error("n1 reached n2 over the cut link")
	}
	b.wantError(b.between("n1", "n2"))
	b.wantError(b.between("n2", "n1"))
	b.want("x", b.between("n1", "n3"))
	b.want("x", b.between("n3", "n2"))

	b.Do(b.Network().HealAll(b.Ctx))
	b.Await("n1 to reach n2 again", func() error { return want("x", b.between("n1", "n2")) })
	b.Await("n2 to reach n1 again", func() error { return want("x", b.between("n2", "n1")) })
}

// openConnection shows that a stream never has a hole: after the cut either all
// of it arrives, in order, or the connection breaks.
func openConnection(t *testing.T, b *Bench) {
	b.Serve()
	b.want("held", b.Fresh("n1", "hold there "+b.Way("n1", "n2")))
	b.want("pushed", b.Fresh("n1", "push there 1"))
	b.Await("the first note", func() error { return b.noted("n2", "1") })
	b.Do(b.Network().Cut(b.Ctx, cluster.Both("n1", "n2")...))
	b.want("pushed", b.Fresh("n1", "push there 2"))
	if err := b.noted("n2", "2"); err == nil {
		t.Error("the second note passed the cut")
	}
	b.Do(b.Network().HealAll(b.Ctx))
	b.Await("the connection to go on or to break", func() error {
		got := b.Fresh("n1", "push there 3")
		if strings.HasPrefix(got, "error: ") {
			return nil
		}
		if err := b.noted("n2", "3"); err != nil {
			return err
		}
		return nil
	})
	notes := strings.Join(b.notes("n2"), " ")
	if strings.Contains(notes, "3") && !strings.HasPrefix(notes, "1 2 3") {
		t.Errorf("the stream has a hole: %q", notes)
	}
}

func drops(t *testing.T, b *Bench) {
	b.Serve()
	link := cluster.Link{From: "n1", To: "n2"}
	counted := func() map[cluster.Link]cluster.Drops {
		d, err := b.Network().Drops(b.Ctx)
		b.Do(err)
		return d
	}
	if got := counted(); len(got) != 0 {
		t.Fatalf("nothing is cut, and yet %v", got)
	}
	b.want("held", b.Fresh("n1", "hold there "+b.Way("n1", "n2")))
	b.want("established", b.Fresh("n1", "use there established"))
	b.Do(b.Network().Cut(b.Ctx, link))
	short, cancel := context.WithTimeout(b.Ctx, 200*time.Millisecond)
	defer cancel()
	if err := b.Network().Probe(short, link); !errors.Is(err, cluster.ErrUnreachable) {
		t.Fatalf("Probe over a cut link: %v", err)
	}
	if got := counted(); len(got) != 1 || got[link] != (cluster.Drops{}) {
		t.Fatalf("the program sent nothing, and yet %v", got)
	}
	b.want("pushed", b.Fresh("n1", "push there 1"))
	b.Await("a drop", func() error {
		if d := counted()[link]; d.Packets == 0 || d.Bytes == 0 {
			return fmt.Errorf("%+v", d)
		}
		return nil
	})
	b.Do(b.Network().Cut(b.Ctx, cluster.Link{From: "n3", To: "n2"}))
	if got := counted(); len(got) != 2 || got[link].Packets == 0 {
		t.Errorf("after a second cut: %v", got)
	}
	b.Do(b.Network().Heal(b.Ctx, link))
	if got := counted(); len(got) != 1 {
		t.Errorf("after one heal: %v", got)
	}
	b.Do(b.Network().Cut(b.Ctx, link))
	b.Do(b.Network().HealAll(b.Ctx))
	if got := counted(); len(got) != 0 {
		t.Errorf("after HealAll: %v", got)
	}
}

func probe(t *testing.T, b *Bench) {
	ends := append([]string{cluster.Clients}, b.Spec.Nodes...)
	cut := []cluster.Link{{From: "n1", To: "n2"}, {From: cluster.Clients, To: "n3"}, {From: "n2", To: cluster.Clients}}
	b.Do(b.Network().Cut(b.Ctx, cut...))
	for _, from := range ends {
		for _, to := range ends {
			if from == to {
				continue
			}
			l := cluster.Link{From: from, To: to}
			blocked := false
			for _, c := range cut {
				blocked = blocked || c == l
			}
			ctx := b.Ctx
			if blocked {
				short, cancel := context.WithTimeout(b.Ctx, 200*time.Millisecond)
				defer cancel()
				ctx = short
			}
			err := b.Network().Probe(ctx, l)
			if blocked && !errors.Is(err, cluster.ErrUnreachable) || !blocked && err != nil {
				t.Errorf("Probe(%v) with %v cut: %v", l, cut, err)
			}
		}
	}
	b.Do(b.Network().HealAll(b.Ctx))
	for _, l := range cut {
		b.Do(b.Network().Probe(b.Ctx, l))
	}
}
