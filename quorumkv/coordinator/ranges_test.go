package coordinator

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
)

// changeRanges asks for a change of the ranges through a node until it is begun, and waits for its end on all nodes.
func (n *network) changeRanges(ctx context.Context, via string, steps ...membership.Step) error {
	want := ""
	for ctx.Err() == nil {
		node := n.nodes[via]
		v := node.View()
		if want == "" && v.Phase == membership.Stable {
			t, err := membership.After(v, steps)
			if err != nil {
				return fmt.Errorf("%s: %w", v.State, err)
			}
			want = t.Digest()
		}
		if v.Phase == membership.Stable && v.Ranges.Digest() == want || v.Phase != membership.Stable && v.NextRanges.Digest() == want {
			break
		}
		_ = n.ask(ctx, via, membership.Change{Ranges: steps}) // what became of it is seen
		time.Sleep(time.Millisecond)
	}
	err := n.await(ctx, func(v *membership.View) bool { return v.Phase == membership.Stable && v.Ranges.Digest() == want })
	if err != nil {
		return fmt.Errorf("ranges never changed by %v: %w", steps, err)
	}
	return nil
}

// changesOfRanges has ranges moved, merged and split, each key's among them, and then a node join and another leave.
func (n *network) changesOfRanges(ctx context.Context) error {
	// k0 is on n1 n2 n3, k1 on n2 n3 n4, k2 on n3 n4 n1, k3 on n4 n1 n2.
	for _, steps := range [][]membership.Step{
		{{Do: membership.Merge, At: "k1"}}, // k1 moves from n4 to n1
		{{Do: membership.Split, At: "k1"}, {Do: membership.Move, At: "k1", From: "n2", To: "n4"}},
		{{Do: membership.Split, At: "k2a"}},
		{{Do: membership.Move, At: "k0", From: "n1", To: "n4"}, {Do: membership.Move, At: "k3", From: "n2", To: "n3"}, {Do: membership.Move, At: "k2", From: "n3", To: "n2"}},
	} {
		if err := n.changeRanges(ctx, "n2", steps...); err != nil {
			return err
		}
	}
	return n.joinAndLeave(ctx)
}

// Ranges are split, merged and moved while clients write and read, messages are lost and nodes crash, and what is linearizable without that stays so.
func TestChangesOfRangesAreLinearizable(t *testing.T) {
	ranges := usual
	ranges.partitioner, ranges.splits = placement.Range, []string{"k1", "k2", "k3"}
	unhinted := ranges
	unhinted.hints = false
	for _, sc := range []scenario{
		{"W2R2", "2", "2", ranges, nil, 0},
		{"W3R1", "3", "1", ranges, nil, 0},
		{"W1R3", "1", "3", ranges, nil, 0},
		{"many half-done writes", "2", "2", unhinted, nil, 0.3},
	} {
		t.Run(sc.name, func(t *testing.T) {
			seed := firstSeed(t)
			done := 0
			for i := range rounds(t, 2) {
				history := sc.runWithChanges(t, seed+uint64(i), (*network).changesOfRanges)
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

// With ranges that are handed over before their last writes, histories are not linearizable.
func TestARangeHandedOverEarlyIsNotLinearizable(t *testing.T) {
	c := usual
	c.partitioner, c.splits, c.hints = placement.Range, []string{"k1", "k2", "k3"}, false
	sc := scenario{"range-handed-over-early", "3", "1", c, []string{"range-handed-over-early"}, 0}
	seed := firstSeed(t)
	const most = 500
	for i := range most {
		if porcupine.CheckOperationsTimeout(register, sc.runWithChanges(t, seed+uint64(i), (*network).changesOfRanges), 10*time.Second) == porcupine.Illegal {
			t.Logf("caught in history %d, first seed %d", i+1, seed)
			return
		}
	}
	t.Fatalf("not caught in %d histories, first seed %d", most, seed)
}
