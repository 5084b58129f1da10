package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
)

func shardedMode(ways sharded.Transactions) func(*Config) {
	return func(c *Config) {
		c.Mode, c.Shards, c.Transactions, c.RequestTimeout = sharded.Mode, 2, ways, 2*time.Second
	}
}

// keysOfShards are keys with this prefix, one in each of two shards.
func keysOfShards(prefix string) (first, second string) {
	keys := [2]string{}
	for i := 0; keys[0] == "" || keys[1] == ""; i++ {
		key := fmt.Sprint(prefix, i)
		if s := sharded.ShardOf(key, 2); keys[s] == "" {
			keys[s] = key
		}
	}
	return keys[0], keys[1]
}

func op(kind engine.OpKind, key string, value ...string) protocol.TxnOp {
	o := protocol.TxnOp{Op: string(kind), Key: key}
	if len(value) > 0 {
		o.Value = &value[0]
	}
	return o
}

func addOp(key string, n int64, least *int64) protocol.TxnOp {
	return protocol.TxnOp{Op: string(engine.OpAdd), Key: key, Add: &n, AtLeast: least}
}

// wantReads carries out a transaction, which must be done, and compares what it read; "-" is nothing.
func wantReads(t *testing.T, c *client.Client, ops []protocol.TxnOp, want ...string) {
	t.Helper()
	res, err := c.Transact(within(t), ops)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range res.Reads {
		if v.Value == nil {
			got = append(got, "-")
			continue
		}
		got = append(got, *v.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the transaction read %q, want %q", got, want)
	}
}

// Transactions go across shards through whichever node, see what they wrote themselves, and do all or nothing.
func TestShardedTransactions(t *testing.T) {
	for _, ways := range sharded.AllTransactions() {
		t.Run(ways, func(t *testing.T) {
			c := startCluster(t, 3, false, shardedMode(sharded.Transactions(ways)))
			a, b := keysOfShards("k")
			ready(t, c, a, b)
			wantReads(t, c.clients["n1"], []protocol.TxnOp{op(engine.OpRead, a), op(engine.OpWrite, a, "10"), op(engine.OpWrite, b, "20"), op(engine.OpRead, b), op(engine.OpRead, a)}, "-", "20", "10")
			least := int64(0)
			transfer := func(n int64) []protocol.TxnOp {
				return []protocol.TxnOp{addOp(a, -n, &least), addOp(b, n, nil)}
			}
			wantReads(t, c.clients["n2"], transfer(4))
			wantReads(t, c.clients["n3"], []protocol.TxnOp{op(engine.OpRead, a), op(engine.OpRead, b)}, "6", "24")
			var e *client.Error
			if _, err := c.clients["n2"].Transact(within(t), transfer(7)); !errors.As(err, &e) || e.Status != http.StatusPreconditionFailed || e.Outcome != protocol.NotWritten {
				t.Errorf("a transfer of more than there is: %v", err)
			}
			for _, compare := range []protocol.TxnOp{op(engine.OpCompare, b, "23"), {Op: string(engine.OpCompare), Key: b, Absent: true}} {
				if _, err := c.clients["n1"].Transact(within(t), []protocol.TxnOp{compare, op(engine.OpWrite, a, "lost")}); !errors.As(err, &e) || e.Status != http.StatusPreconditionFailed {
					t.Errorf("a condition that does not hold: %v", err)
				}
			}
			wantReads(t, c.clients["n1"], []protocol.TxnOp{op(engine.OpCompare, b, "24"), op(engine.OpDelete, a), op(engine.OpAppend, b, "x"), op(engine.OpAppend, b, "y"), op(engine.OpRead, a)}, "-")
			for _, name := range []string{"n1", "n2", "n3"} {
				wantGet(t, c.clients[name], a, "read-index", "")
				wantGet(t, c.clients[name], b, "", "24,x,y")
			}
		})
	}
}

// ready waits until every node has carried out something in all shards.
func ready(t *testing.T, c *cluster, keys ...string) {
	t.Helper()
	for _, through := range c.clients {
		for _, key := range keys {
			eventually(t, "all shards have leaders", func() bool {
				_, err := through.Get(t.Context(), key, "", "")
				return err == nil
			})
		}
	}
}

// Writes of one key are transactions of one shard, with conditions.
func TestShardedCompareAndSet(t *testing.T) {
	comparesAndSets(t, shardedMode(sharded.TwoPhaseCommit), "read-index")
}

func TestShardedRefusals(t *testing.T) {
	c := startCluster(t, 1, false, shardedMode(sharded.TwoPhaseCommit))
	ready(t, c, "a")
	many := `{"op":"read","key":"a"}` + strings.Repeat(`,{"op":"read","key":"a"}`, 64)
	for _, tc := range []struct{ body, want string }{
		{`{"ops":[]}`, "0 operations"},
		{`{"ops":[` + many + `]}`, "65 operations"},
		{`{"ops":[{"op":"read","key":"a"}]} x`, "something follows"},
		{`{"operations":[]}`, "unknown field"},
		{"{\"ops\":[{\"op\":\"write\",\"key\":\"a\",\"value\":\"\xff\"}]}", "not valid UTF-8"},
		{`{"ops":[{"op":"steal","key":"a"}]}`, `ops[0]: op: \"steal\"`},
		{`{"ops":[{"op":"read","key":"a"},{"op":"read","key":""}]}`, "ops[1]: the key is empty"},
		{`{"ops":[{"op":"read","key":"a","value":"1"}]}`, "takes no value"},
		{`{"ops":[{"op":"write","key":"a"}]}`, "one of value"},
		{`{"ops":[{"op":"write","key":"a","value":"1","value_base64":"MQ=="}]}`, "one of value"},
		{`{"ops":[{"op":"write","key":"a","value":"1","absent":true}]}`, "absent: is for compare"},
		{`{"ops":[{"op":"add","key":"a"}]}`, "add: is given with op add"},
		{`{"ops":[{"op":"write","key":"a","value":"1","at_least":0}]}`, "at_least: is for add"},
	} {
		got, body := request(t, "POST", "http://"+c.addrs["n1"]+"/txn", tc.body)
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(body, tc.want) || !strings.Contains(body, string(protocol.NotWritten)) {
			t.Errorf("%.80s: %d %s; want one that says %s", tc.body, got.StatusCode, body, tc.want)
		}
	}
	// A value that can be written by PUT can be written in a transaction, in either spelling, and no byte more.
	large := Default().MaxValueBytes
	for _, tc := range []struct {
		op   string
		want int
	}{
		{`{"op":"write","key":"a","value":"` + strings.Repeat("v", large) + `"}`, http.StatusOK},
		{`{"op":"write","key":"a","value_base64":"` + base64.StdEncoding.EncodeToString(make([]byte, large)) + `"}`, http.StatusOK},
		{`{"op":"write","key":"a","value":"` + strings.Repeat(`\u003c`, large) + `"}`, http.StatusOK}, // as encoding/json spells <
		{`{"op":"write","key":"a","value":"` + strings.Repeat(`\u003c`, large+1) + `"}`, http.StatusRequestEntityTooLarge},
		{`{"op":"write","key":"a","value":"` + strings.Repeat("v", large+1) + `"}`, http.StatusRequestEntityTooLarge},
		{`{"op":"write","key":"a","value":"` + strings.Repeat("v", large) + `"},{"op":"write","key":"b","value":"v"}`, http.StatusRequestEntityTooLarge},
		{strings.Repeat(" ", 10*large) + `{"op":"read","key":"a"}`, http.StatusRequestEntityTooLarge},
	} {
		got, body := request(t, "POST", "http://"+c.addrs["n1"]+"/txn", `{"ops":[`+tc.op+`]}`)
		if got.StatusCode != tc.want {
			t.Errorf("%.40s, %d bytes: %d %.200s; want %d", tc.op, len(tc.op), got.StatusCode, body, tc.want)
		}
	}
	for _, header := range []string{"If-Match", "If-None-Match", "Quorumkv-Request", "Quorumkv-Context"} {
		got, body := request(t, "POST", "http://"+c.addrs["n1"]+"/txn", `{"ops":[{"op":"write","key":"a","value":"1"}]}`, header, "x")
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(body, header+": is for /kv/{key}") {
			t.Errorf("%s: %d %s", header, got.StatusCode, body)
		}
	}
	if _, body := request(t, "PUT", "http://"+c.addrs["n1"]+"/kv/a", "1", "Quorumkv-Request", "r1"); !strings.Contains(body, "names of requests are not kept") {
		t.Errorf("a named request: %s", body)
	}
	var e *client.Error
	if _, err := c.clients["n1"].Put(within(t), "a", []byte("1"), "ONE"); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) {
		t.Errorf("a level of another mode: %v", err)
	}
	other := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	if _, err := other.clients["n1"].Transact(within(t), []protocol.TxnOp{op(engine.OpRead, "a")}); !errors.As(err, &e) || e.Code != string(engine.CodeTransactions) || e.Outcome != protocol.NotWritten {
		t.Errorf("a transaction in mode leaderless: %v", err)
	}
}

// What does not go with the mode, and data of another configuration, is refused before anything is written.
func TestShardedConfiguration(t *testing.T) {
	good := Default()
	good.Node, good.DataDir, good.Peers = "n1", t.TempDir(), nil
	shardedMode(sharded.TwoPhaseCommit)(&good)
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no shards", func(c *Config) { c.Shards = 0 }, "shards: 0 must be between 1 and 16"},
		{"too many shards", func(c *Config) { c.Shards = 17 }, "shards: 17"},
		{"a way that there is not", func(c *Config) { c.Transactions = "hope" }, `transactions: "hope" is not known`},
		{"shards of another mode", func(c *Config) { c.Mode, c.Transactions, c.Shards = "raft", sharded.TwoPhaseCommit, 3 }, "shards: is a setting of mode sharded"},
		{"another mode's setting", func(c *Config) { c.Regions = 3 }, "regions: is a setting of mode multi-leader"},
		{"a setting of leaderless", func(c *Config) { c.Replication = 1 }, "replication: is a setting of mode leaderless"},
		{"another mode's defect", func(c *Config) { c.Testing, c.Defects = true, []string{"log-not-synced"} }, "is a defect of mode raft"},
	} {
		bad := good
		tc.change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want an error that says %s", tc.name, err, tc.want)
		}
	}
	log := slog.New(slog.DiscardHandler)
	s, err := Open(good, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(good.DataDir, "shard-2")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(name string, cfg Config, want string) {
		t.Helper()
		s, err := Open(cfg, log, nil)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want an error that says %s", name, err, want)
		}
	}
	move(second, second+"-away")
	refused("a shard is lost", good, "has lost shard-2")
	if _, err := os.Stat(second); err == nil {
		t.Error("a shard that was lost has been opened empty")
	}
	move(second+"-away", second)
	alone := good
	alone.DataDir = second
	refused("a shard in another's place", alone, "holds shard-2, not shard-1")
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"another mode", func(c *Config) { c.Mode = "raft" }, "is of mode sharded, not raft"},
		{"more shards", func(c *Config) { c.Shards = 3 }, "shards or transactions"},
		{"another way", func(c *Config) { c.Transactions = sharded.BestEffort }, "shards or transactions"},
	} {
		bad := good
		tc.change(&bad)
		refused(tc.name, bad, tc.want)
	}
	// Nothing of that was changed.
	again, err := Open(good, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	// The first shard is in the directory itself: it is lost with all that is there but the others.
	rest := good
	rest.DataDir = filepath.Join(t.TempDir(), "new")
	if err := os.Mkdir(rest.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	move(second, filepath.Join(rest.DataDir, "shard-2"))
	refused("the first shard is lost", rest, "has lost shard-1")
}
