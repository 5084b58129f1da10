package server

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// A node whose directory is lost takes no part in its shards any more: members answer its clients, who never read what the empty directory has.
func TestShardedNodeThatLostItsDirectory(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "sharded", "--request-timeout", "5s")
	const keys = 8
	for i := range keys {
		raftPut(t, ps[i%3].client, fmt.Sprint("k", i), "before")
	}
	lost := ps[2]
	lost.kill(t)
	if err := os.RemoveAll(lost.args[slices.Index(lost.args, "--data-dir")+1]); err != nil {
		t.Fatal(err)
	}
	lost.start(t)
	for i := range keys {
		key := fmt.Sprint("k", i)
		reads := func() bool {
			v, err := lost.client.Get(t.Context(), key, "", "")
			if err == nil && text(v) != "before" {
				t.Fatalf("%s is %q", key, text(v))
			}
			return err == nil
		}
		eventually(t, key+" is read", reads)
	}
	eventually(t, "it says that its directory is lost", func() bool { return strings.Count(lost.log.String(), "has lost the directory") >= 2 })
	if said := lost.log.String(); strings.Contains(said, "--join") || !strings.Contains(said, "with the directory that it had") {
		t.Errorf("it says %s", said)
	}
	for i := range keys {
		key := fmt.Sprint("k", i)
		raftPut(t, lost.client, key, "after")
		v, err := lost.client.Get(within(t), key, "", "")
		if err != nil || text(v) != "after" {
			t.Errorf("%s is %q, %v", key, text(v), err)
		}
	}
	var ops []protocol.TxnOp
	for i := range keys { // in both shards
		value := "together"
		ops = append(ops, protocol.TxnOp{Op: string(engine.OpWrite), Key: fmt.Sprint("k", i), Value: &value})
	}
	if done, err := lost.client.Transact(within(t), ops); err != nil || done.Shards != 2 {
		t.Errorf("a transaction: %+v, %v", done, err)
	}
	m, err := ps[0].client.Replica(within(t), "k0")
	if err != nil || m == nil {
		t.Errorf("a member has %+v, %v", m, err)
	}
}
