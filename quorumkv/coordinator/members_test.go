package coordinator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// ask asks a node once for a change.
func (n *network) ask(ctx context.Context, via string, c membership.Change) (err error) {
	n.nodes[via].with(func(_ *replica.Replica, _ *membership.Keeper, m *membership.Mover) { _, err = m.Change(ctx, c) })
	return err
}

// change asks for a change of the members until it is begun, or is not needed any more.
func (n *network) change(ctx context.Context, via string, c membership.Change) error {
	for ctx.Err() == nil {
		err := n.ask(ctx, via, c)
		s := n.nodes[via].View().State
		after := s.Members
		if s.Phase != membership.Stable {
			after = s.Next
		}
		if err == nil || slices.Contains(after, c.Add+c.Remove) == (c.Add != "") {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// stable waits for the end of changes, on all nodes.
func (n *network) stable(ctx context.Context, members ...string) error {
	return n.await(ctx, func(v *membership.View) bool { return v.Phase == membership.Stable && slices.Equal(v.Members, members) })
}

// await waits until all nodes are as is tells. A node that is no member is told once of a change, which may be lost, and hears of it when it asks a member:
// those that lag are asked for their status, as an operator does, because no client may be there any more who asks through them.
func (n *network) await(ctx context.Context, is func(*membership.View) bool) error {
	for ctx.Err() == nil {
		done := true
		for _, node := range n.nodes {
			if is(node.View()) {
				continue
			}
			done = false
			node.with(func(_ *replica.Replica, _ *membership.Keeper, m *membership.Mover) { m.Status(ctx) })
		}
		if done {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	var at strings.Builder
	for _, name := range n.names {
		n.nodes[name].with(func(_ *replica.Replica, k *membership.Keeper, m *membership.Mover) {
			s := m.Status(context.Background())
			fmt.Fprintf(&at, "\n%s: %s; status %s, waiting for %q", name, k.View(), s.State, s.Waiting)
		})
	}
	return fmt.Errorf("never came about:%s", at.String())
}

// joinAndLeave has n5 join and n1, which begins as the steward, leave.
func (n *network) joinAndLeave(ctx context.Context) error {
	err := n.change(ctx, "n2", membership.Change{Add: "n5"})
	if err == nil {
		err = n.stable(ctx, "n1", "n2", "n3", "n4", "n5")
	}
	if err == nil {
		err = n.change(ctx, "n5", membership.Change{Remove: "n1"})
	}
	if err == nil {
		err = n.stable(ctx, "n2", "n3", "n4", "n5")
	}
	return err
}

// keysChange is after how many operations a client goes over to other keys, of the same ranges: what is not linearizable is seen in one of them, and a history of one key that
// is as long as several changes has too many half-done writes to be checked.
const keysChange = 40

// crashes bounds how many times clients ask and are answered between one crash and the next.
const crashes = 120

// runWithChanges drives clients through all nodes, of which the first four are members, while change changes something, in a storm and with crashes.
func (sc scenario) runWithChanges(t *testing.T, seed uint64, change func(*network, context.Context) error) []porcupine.Operation {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	sc.config.nodes, sc.config.members = 5, 4
	net := start(t, sc.config)
	net.withMovers()
	for i, name := range net.names {
		n := net.nodes[name]
		if err := n.clock.SetOffset(time.Duration(i-1) * 10 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := n.defects.Replace(sc.defects); err != nil {
			t.Fatal(err)
		}
	}
	net.set(storm(rng, sc.losses))
	const clients = 4
	var now atomic.Int64
	histories := make([][]porcupine.Operation, clients)
	w, r := level(t, sc.w), level(t, sc.r)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for c := range clients {
		rng := rand.New(rand.NewPCG(seed, uint64(c)+2))
		wg.Go(func() {
			for i := range 400 {
				select {
				case <-stop:
					if i > 24 {
						return
					}
				default:
				}
				via := net.nodes[fmt.Sprint("n", 1+rng.IntN(5))].coord
				in := input{key: fmt.Sprintf("k%d/%d", rng.IntN(4), i/keysChange), write: rng.IntN(2) == 0}
				if in.write {
					in.value = fmt.Sprintf("%d.%d", c, i)
				}
				op, happened := ask(t, via, w, r, &now, in)
				if !happened {
					continue
				}
				op.ClientId = c
				histories[c] = append(histories[c], op)
			}
		})
	}
	wg.Go(func() { // a node of each role may die at each step, as often as clients ask: on a slow machine too a change comes to its end
		rng := rand.New(rand.NewPCG(seed, 0))
		next := int64(0)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if now.Load() < next {
				continue
			}
			next = now.Load() + int64(rng.IntN(crashes))
			net.nodes[fmt.Sprint("n", 1+rng.IntN(5))].crash()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	err := change(net, ctx)
	close(stop)
	wg.Wait()
	net.settle(t)
	net.close()
	if err != nil {
		t.Fatalf("QUORUMKV_SEED=%d: %v", seed, err)
	}
	return relevant(histories)
}

// Members change while clients write and read, messages are lost and nodes crash: what is linearizable without that stays so.
func TestChangesOfMembersAreLinearizable(t *testing.T) {
	modulo, ranges := usual, usual
	modulo.partitioner = placement.Modulo
	ranges.partitioner, ranges.splits = placement.Range, []string{"k1", "k2", "k3"}
	unhinted := usual
	unhinted.hints = false
	for _, sc := range []scenario{
		{"ring W2R2", "2", "2", usual, nil, 0},
		{"ring W3R1", "3", "1", usual, nil, 0},
		{"modulo W2R2", "2", "2", modulo, nil, 0},
		{"modulo W1R3", "1", "3", modulo, nil, 0},
		{"range W2R2", "2", "2", ranges, nil, 0},
		{"modulo, many half-done writes", "2", "2", func() config { c := unhinted; c.partitioner = placement.Modulo; return c }(), nil, 0.3},
	} {
		t.Run(sc.name, func(t *testing.T) {
			seed := firstSeed(t)
			done := 0
			for i := range rounds(t, 2) {
				history := sc.runWithChanges(t, seed+uint64(i), (*network).joinAndLeave)
				done += len(history)
				if res := porcupine.CheckOperationsTimeout(register, history, time.Minute); res != porcupine.Ok {
					t.Fatalf("QUORUMKV_SEED=%d: %s:\n%s", seed+uint64(i), res, describe(history))
				}
			}
			t.Logf("%d operations, first seed %d", done, seed)
			if done < 100 {
				t.Fatalf("only %d operations completed: this shows nothing", done)
			}
		})
	}
}

// A change waits while the node that joins gets nothing; meanwhile no other begins and requests are served, and it can be canceled and made again.
func TestAChangeWaitsAndIsCanceled(t *testing.T) {
	net := start(t, config{nodes: 4, members: 3, replication: 2, partitioner: placement.Modulo})
	net.withMovers()
	net.set(func(_ context.Context, m message) (bool, error) {
		if m.kind == kindCall && m.from == "n4" {
			return false, errRefused
		}
		return false, nil
	})
	for i := range 20 {
		net.mustPut(t, "n1", fmt.Sprint("k", i), "before", "2")
	}
	ask := func(c membership.Change) (membership.State, error) {
		return net.nodes["n1"].mover.Change(t.Context(), c)
	}
	if s, err := ask(membership.Change{Add: "n4"}); err != nil || s.Phase != membership.Moving {
		t.Fatalf("%v, %v", s, err)
	}
	eventually(t, "the change says why it waits", func() bool {
		return strings.Contains(net.nodes["n1"].mover.Status(t.Context()).Waiting, "gives no page")
	})
	if _, err := ask(membership.Change{Remove: "n2"}); err == nil || !strings.Contains(err.Error(), "going on already") {
		t.Errorf("a second change: %v", err)
	}
	for i := range 20 {
		net.mustPut(t, "n4", fmt.Sprint("k", i), "after", "2")
		net.wantGet(t, "n3", fmt.Sprint("k", i), "1", "after")
	}
	if s, err := ask(membership.Change{Cancel: true}); err != nil || s.Phase != membership.Stable {
		t.Fatalf("%v, %v", s, err)
	}
	if err := net.stable(t.Context(), "n1", "n2", "n3"); err != nil {
		t.Fatal(err)
	}
	net.set(nil)
	if _, err := ask(membership.Change{Add: "n4"}); err != nil {
		t.Fatal(err)
	}
	if err := net.stable(t.Context(), "n1", "n2", "n3", "n4"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		net.wantGet(t, "n2", fmt.Sprint("k", i), "1", "after")
	}
}

// With keys that are handed over before their last writes, histories are not linearizable.
func TestAnEarlyHandOverIsNotLinearizable(t *testing.T) {
	c := usual
	c.partitioner, c.hints = placement.Modulo, false
	sc := scenario{"hand-over-early", "3", "1", c, []string{"hand-over-early"}, 0}
	seed := firstSeed(t)
	const most = 500
	for i := range most {
		if porcupine.CheckOperationsTimeout(register, sc.runWithChanges(t, seed+uint64(i), (*network).joinAndLeave), 10*time.Second) == porcupine.Illegal {
			t.Logf("caught in history %d, first seed %d", i+1, seed)
			return
		}
	}
	t.Fatalf("not caught in %d histories, first seed %d", most, seed)
}

// A steward that leaves says that the change is done when the others know: it may be ended for good then, and alone knew how the change ended. Who
// asks it for others has on disk what it was told.
func TestAStewardThatLeavesIsNotDoneBeforeTheOthersKnow(t *testing.T) {
	net := start(t, config{nodes: 4, replication: 2, partitioner: placement.Modulo})
	net.withMovers()
	n1 := net.nodes["n1"]
	left := func() bool {
		v := n1.View()
		return v.Phase == membership.Stable && !slices.Contains(v.Members, "n1")
	}
	net.set(func(_ context.Context, m message) (bool, error) {
		if m.kind == kindCall && m.from == "n1" && m.to != "n1" && left() {
			return false, errRefused
		}
		return false, nil
	})
	if _, err := n1.mover.Change(t.Context(), membership.Change{Remove: "n1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "n1 is no member, as far as it knows", left)
	for range 20 {
		if s := n1.mover.Status(t.Context()); s.Phase == membership.Stable {
			t.Fatalf("n1 says %s, and could tell nobody", s.State)
		}
	}
	eventually(t, "n1 says why", func() bool {
		return strings.Contains(n1.mover.Status(t.Context()).Waiting, "not all members have heard")
	})
	net.set(nil)
	eventually(t, "n1 is done", func() bool { return n1.mover.Status(t.Context()).Phase == membership.Stable })
	for _, name := range []string{"n2", "n3", "n4"} {
		if v := net.nodes[name].View(); v.Phase != membership.Stable || slices.Contains(v.Members, "n1") {
			t.Errorf("n1 was done, and %s has %s", name, v.State)
		}
	}
}

// A steward that has lost its disk believes in the first state. What it begins from there is no change, and it must not say that it is.
func TestAStewardWithoutItsDiskBeginsNothing(t *testing.T) {
	net := start(t, config{nodes: 4, members: 3, replication: 2, partitioner: placement.Modulo})
	net.withMovers()
	if err := net.change(t.Context(), "n1", membership.Change{Add: "n4"}); err != nil {
		t.Fatal(err)
	}
	if err := net.stable(t.Context(), "n1", "n2", "n3", "n4"); err != nil {
		t.Fatal(err)
	}
	n1 := net.nodes["n1"]
	n1.wipe(false)
	s, err := n1.mover.Change(t.Context(), membership.Change{Remove: "n2"})
	var r *membership.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("begun: %s, %v", s, err)
	}
	if v := n1.View(); v.Phase != membership.Stable || v.Epoch != net.nodes["n2"].View().Epoch || !slices.Contains(v.Members, "n4") {
		t.Errorf("n1 has %s after it", v.State)
	}
	if err := net.change(t.Context(), "n1", membership.Change{Remove: "n2"}); err != nil {
		t.Fatal(err)
	}
	if err := net.stable(t.Context(), "n1", "n3", "n4"); err != nil {
		t.Fatal(err)
	}
}

// A steward that has lost its disk with a change that only the node which joins has heard of goes on with that, and begins no other of the same epoch.
func TestAStewardWithoutItsDiskHearsOfItsChange(t *testing.T) {
	net := start(t, config{nodes: 4, members: 3, replication: 2, partitioner: placement.Modulo})
	net.withMovers()
	begun := membership.First([]string{"n1", "n2", "n3"}).Begin(net.names)
	if _, err := net.nodes["n4"].keeper.Install(begun); err != nil {
		t.Fatal(err)
	}
	s, err := net.nodes["n1"].mover.Change(t.Context(), membership.Change{Remove: "n2"})
	var r *membership.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("begun: %s, %v", s, err)
	}
	if err := net.stable(t.Context(), net.names...); err != nil {
		t.Fatal(err)
	}
}

// A member whose disk is gone, also the steward, comes back without data, leaves and joins: no read misses a write, although the disk had one of the two
// replicas that acknowledged it, and afterwards two have it again.
func TestAMemberWithoutItsDiskLeavesAndJoins(t *testing.T) {
	for _, wiped := range []string{"n1", "n2"} {
		t.Run(wiped, func(t *testing.T) {
			net := start(t, config{nodes: 4, partitioner: placement.Modulo, repair: RepairOff})
			net.withMovers()
			net.set(func(_ context.Context, m message) (bool, error) {
				if m.kind == kindApply && m.to == "n3" {
					return false, errRefused
				}
				return false, nil
			})
			const keys = 16
			for i := range keys {
				net.mustPut(t, "n4", fmt.Sprint("k", i), "v", "2")
			}
			net.heal(t)
			net.nodes[wiped].wipe(true)
			right := func(when string) {
				for i := range keys {
					for _, via := range net.names {
						if got, err := net.get(t, via, fmt.Sprint("k", i), "2"); err == nil && got != "v" {
							t.Errorf("%s, through %s: k%d is %q", when, via, i, got)
						}
					}
				}
			}
			right("wiped")
			for _, c := range []membership.Change{{Remove: wiped}, {Add: wiped}} {
				if err := net.change(t.Context(), "n4", c); err != nil {
					t.Fatal(err)
				}
				right("while they change")
				after := slices.DeleteFunc(slices.Clone(net.names), func(n string) bool { return n == c.Remove })
				if err := net.stable(t.Context(), after...); err != nil {
					t.Fatal(err)
				}
				right("changed")
			}
			for i := range keys {
				key, held := fmt.Sprint("k", i), 0
				net.wantGet(t, "n4", key, "2", "v")
				for _, node := range net.nodes["n4"].coord.Replicas(key) {
					if net.holds(t, node, key) == "v" {
						held++
					}
				}
				if held < 2 {
					t.Errorf("%s is on %d replicas", key, held)
				}
			}
		})
	}
}

// A change is refused where one node, not its steward, has options with which members cannot change.
func TestAChangeIsRefusedForAnyNode(t *testing.T) {
	for _, forbids := range []string{"", "n1", "n2", "n4"} {
		net := start(t, config{nodes: 4, members: 3, replication: 2, partitioner: placement.Modulo})
		net.forbids = forbids
		net.withMovers()
		s, err := net.nodes["n3"].mover.Change(t.Context(), membership.Change{Add: "n4"})
		if (err == nil) != (forbids == "") || err != nil && !strings.Contains(err.Error(), forbids+": not here") {
			t.Errorf("forbidden by %q: %s, %v", forbids, s, err)
		}
		if forbids != "" && net.nodes["n1"].View().Epoch != 1 {
			t.Errorf("forbidden by %q, and there is %s", forbids, net.nodes["n1"].View())
		}
	}
}

// A node's clock follows the versions of what it copies as of what it is sent: its next write is not older than what it holds.
func TestTheClockFollowsWhatIsCopied(t *testing.T) {
	c := config{nodes: 3, members: 2, replication: 1, partitioner: placement.Modulo, stamps: FromCoordinator, maxSkew: time.Hour}
	net := start(t, c)
	net.withMovers()
	if err := net.nodes["n1"].clock.SetOffset(time.Minute); err != nil {
		t.Fatal(err)
	}
	var newest record.Version
	for i := range 30 {
		newest = net.mustPut(t, "n1", fmt.Sprint("k", i), "before", "1").Version
	}
	if err := net.change(t.Context(), "n1", membership.Change{Add: "n3"}); err != nil {
		t.Fatal(err)
	}
	if err := net.stable(t.Context(), "n1", "n2", "n3"); err != nil {
		t.Fatal(err)
	}
	held := record.Version{}
	for i := range 30 {
		v, err := net.nodes["n3"].local().Version(fmt.Sprint("k", i))
		if err != nil {
			t.Fatal(err)
		}
		if v.Compare(held) > 0 {
			held = v
		}
	}
	if held.IsZero() || held.Compare(newest) > 0 {
		t.Fatalf("n3 copied up to %v of %v", held, newest)
	}
	if now := net.nodes["n3"].clock.Now(); now <= held.Time {
		t.Errorf("n3's clock gives %v, and it holds %v", now, held.Time)
	}
}
