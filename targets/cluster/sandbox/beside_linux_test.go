package sandbox_test

import (
	"context"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// TestBeside: a node beside the others is reached by name and is not among them.
func TestBeside(t *testing.T) {
	ctx := t.Context()
	c, err := sandbox.Provider{}.Open(ctx, cluster.Spec{
		Run: "t1", Nodes: []string{"n1", "n2"}, Beside: []string{"store"}, Ports: []int{1}, LogDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	for _, n := range c.Nodes() {
		if n.Name() == "store" {
			t.Error("it is among the nodes")
		}
	}
	if len(c.Nodes()) != 2 {
		t.Errorf("there are %d nodes, want 2", len(c.Nodes()))
	}
	store, err := c.Node("store")
	if err != nil || store.Address() == c.Nodes()[0].Address() {
		t.Errorf("it is not to be had: %v", err)
	}
	if err := c.Network().Probe(ctx, cluster.Link{From: "n1", To: "store"}); err != nil {
		t.Errorf("it is not reached from n1: %v", err)
	}
	for _, names := range [][]string{{"n1"}, {"store"}} {
		spec := cluster.Spec{Run: "t1", Nodes: []string{"n1"}, Beside: names, LogDir: t.TempDir()}
		if err := spec.Check(); (err != nil) != (names[0] == "n1") {
			t.Errorf("beside %v: %v", names, err)
		}
	}
}
