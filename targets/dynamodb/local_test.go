package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// TestLocal drives the real DynamoDB Local, on disk.
func TestLocal(t *testing.T) {
	d := inSandbox(t)
	if got := d.Version(); got != "DynamoDB Local "+version {
		t.Errorf("version %q", got)
	}
	for name, part := range map[string]func(*testing.T, *deployment){
		"functions": functions, "conditions": conditions, "transactions": transactions, "transfers": transfers,
		"refusals": refused, "foreign data": foreign, "levels": readLevels,
	} {
		t.Run(name, func(t *testing.T) { part(t, d) })
	}
	t.Run("connections", func(t *testing.T) { connections(t, d) })
	t.Run("pause", func(t *testing.T) { pause(t, d) })
	t.Run("kill", func(t *testing.T) { killOnDisk(t, d) })
}

func functions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(100)
	if got := s.read(t, k); got != history.Absent {
		t.Errorf("nothing is %v", got)
	}
	s.ok(t, write(k, 0))
	if got := s.read(t, k); got != 0 {
		t.Errorf("read %v, want 0", got)
	}
	s.ok(t, history.Mop{Func: history.Delete, Key: k})
	if got := s.read(t, k); got != history.Absent {
		t.Errorf("deleted, and it is %v", got)
	}
	list := func(f history.Func) []history.Value {
		t.Helper()
		s.ok(t, history.Mop{Func: f, Key: k + 1})
		return slices.Sorted(slices.Values(s.txn.List(0)))
	}
	if got := list(history.ReadList); len(got) != 0 {
		t.Errorf("an empty list is %v", got)
	}
	for v := range history.Value(3) {
		s.ok(t, history.Mop{Func: history.Append, Key: k + 1, Arg: v + 1})
		s.ok(t, history.Mop{Func: history.Add, Key: k + 1, Arg: v + 7})
	}
	s.ok(t, history.Mop{Func: history.Remove, Key: k + 1, Arg: 8})
	if got := list(history.ReadList); !slices.Equal(got, []history.Value{1, 2, 3}) {
		t.Errorf("the list is %v", got)
	}
	if got := list(history.ReadSet); !slices.Equal(got, []history.Value{7, 9}) {
		t.Errorf("the set is %v", got)
	}
	if got := s.ok(t, history.Mop{Func: history.ReadCounter, Key: k + 1})[0].Ret; got != 0 {
		t.Errorf("the counter is %v", got)
	}
	s.ok(t, history.Mop{Func: history.Increment, Key: k + 1, Arg: 5})
	s.ok(t, history.Mop{Func: history.Increment, Key: k + 1, Arg: -2})
	if got := s.ok(t, history.Mop{Func: history.ReadCounter, Key: k + 1})[0].Ret; got != 3 {
		t.Errorf("the counter is %v", got)
	}
}

// conditions: a compare-and-set is done, or says what is there.
func conditions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(200)
	refused := func(m history.Mop, found history.Value) {
		t.Helper()
		res := s.do(m)
		got := s.txn.Mops[0]
		if res.Outcome != history.Fail || res.Broken || !strings.Contains(fmt.Sprint(res.Err), "ConditionalCheckFailedException") {
			t.Errorf("%+v", res)
		}
		if got.Flags&(history.Mismatched|history.Observed) != history.Mismatched|history.Observed || got.Ret != found {
			t.Errorf("it told %v (flags %b), want %v", got.Ret, got.Flags, found)
		}
	}
	refused(cas(k, 1, 2), history.Absent)
	s.ok(t, cas(k, history.Absent, 1))
	refused(cas(k, history.Absent, 2), 1)
	refused(cas(k, 5, 2), 1)
	s.ok(t, cas(k, 1, 2))
	if got := s.read(t, k); got != 2 {
		t.Errorf("read %v", got)
	}
}

func transactions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(300)
	s.ok(t, write(k, 1), write(k+1, 2), history.Mop{Func: history.Append, Key: k + 2, Arg: 3})
	got := s.ok(t, read(k), read(k+1), history.Mop{Func: history.ReadList, Key: k + 2}, read(k+3))
	if got[0].Ret != 1 || got[1].Ret != 2 || !slices.Equal(s.txn.List(2), []history.Value{3}) || got[3].Ret != history.Absent {
		t.Errorf("read %+v", got)
	}
	// All or nothing: one condition is false, and which is told.
	res := s.do(write(k, 10), cas(k+1, 9, 11), write(k+3, 12))
	if res.Outcome != history.Fail || res.Broken || fmt.Sprint(res.Err) != "TransactionCanceledException: None, ConditionalCheckFailed, None" {
		t.Errorf("%+v", res)
	}
	mops := slices.Clone(s.txn.Mops)
	if mops[0].Flags != 0 || mops[1].Flags != history.Mismatched|history.Observed || mops[1].Ret != 2 || mops[2].Flags != 0 {
		t.Errorf("it told %+v", mops)
	}
	got = s.ok(t, read(k), read(k+1), read(k+3))
	if got[0].Ret != 1 || got[1].Ret != 2 || got[2].Ret != history.Absent {
		t.Errorf("a cancelled transaction left %+v", got)
	}
	s.ok(t, cas(k, 1, 20), cas(k+1, 2, 21), history.Mop{Func: history.Delete, Key: k + 2})
	if got := s.ok(t, read(k), read(k+1)); got[0].Ret != 20 || got[1].Ret != 21 {
		t.Errorf("read %+v", got)
	}
}

func transfers(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(400)
	transfer := func(from, to history.Key, amount history.Value) targets.Result {
		return s.do(history.Mop{Func: history.Transfer, Key: from, Arg: history.Value(to), Expect: amount})
	}
	s.ok(t, write(k, 10))
	s.ok(t, write(k+1, 5))
	if res := transfer(k, k+1, 4); res.Outcome != history.OK {
		t.Errorf("%+v", res)
	}
	for what, res := range map[string]targets.Result{
		"more than there is": transfer(k, k+1, 7), "to nobody": transfer(k, k+9, 1), "to oneself": transfer(k, k, 1),
	} {
		if res.Outcome != history.Fail || res.Err == nil || res.Broken {
			t.Errorf("%s: %+v", what, res)
		}
	}
	if got := s.ok(t, read(k), read(k+1)); got[0].Ret != 6 || got[1].Ret != 9 {
		t.Errorf("the accounts have %v and %v", got[0].Ret, got[1].Ret)
	}
}

// refused: what DynamoDB has not is fail, and the session goes on.
func refused(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(500)
	many := make([]history.Mop, maxTxn+1)
	for i := range many {
		many[i] = write(k+history.Key(i), 1)
	}
	for what, mops := range map[string][]history.Mop{
		"reads and writes":  {read(k), write(k, 1)},
		"one key twice":     {write(k, 1), write(k, 2)},
		"no such operation": {{Func: history.Enqueue, Key: k, Arg: 1}},
		"nothing written":   {write(k, history.Absent)},
		"too many":          many,
	} {
		if res := s.do(mops...); res.Outcome != history.Fail || res.Err == nil || res.Broken {
			t.Errorf("%s: %+v", what, res)
		}
	}
	if got := s.read(t, k); got != history.Absent {
		t.Errorf("something was written: %v", got)
	}
}

// foreign: what is no integer is interned, not dropped.
func foreign(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(600)
	for i, v := range []types.AttributeValue{&types.AttributeValueMemberS{Value: "hello"}, &types.AttributeValueMemberN{Value: "1.5"}} {
		key := k + history.Key(i)
		_, err := s.c.conn.PutItem(d.ctx, &sdk.PutItemInput{TableName: &d.table, Item: item{attrKey: keyOf(key)[attrKey], attrValue: v}})
		must(t, err)
		if got := s.read(t, key); got != history.TextValue(0) {
			t.Errorf("%v is read as %v", v, got)
		}
	}
	_, err := s.c.conn.PutItem(d.ctx, &sdk.PutItemInput{TableName: &d.table, Item: item{attrKey: keyOf(k + 5)[attrKey], attrValue: &types.AttributeValueMemberBOOL{Value: true}}})
	must(t, err)
	if res := s.do(read(k + 5)); res.Outcome != history.Fail || res.Err == nil {
		t.Errorf("a truth value: %+v", res)
	}
}

// readLevels: what is asked for is what is sent.
func readLevels(t *testing.T, d *deployment) {
	s := d.session(t)
	for _, consistent := range []bool{true, false} {
		s.c.consistent = consistent
		s.ok(t, write(700, 1))
		if got := s.read(t, 700); got != 1 {
			t.Errorf("ConsistentRead %v: read %v", consistent, got)
		}
	}
}

// connections: each session has one, and it is gone when the session is closed.
func connections(t *testing.T, d *deployment) {
	s := d.session(t)
	for range 20 {
		s.ok(t, read(1))
	}
	if n := s.c.conn.dialer.Sent(); n == 0 {
		t.Error("nothing was counted")
	}
	must(t, s.c.Close())
	before := s.c.conn.dialer.Sent()
	// A deadline that has passed already: not a byte leaves.
	if res := s.within(-time.Second, write(1, 1)); res.Outcome != history.Fail || s.c.conn.dialer.Sent() != before {
		t.Errorf("%+v", res)
	}
}

// pause: a write that was sent to a stopped process may be done when it goes on.
func pause(t *testing.T, d *deployment) {
	s := d.session(t)
	s.ok(t, write(800, 1))
	must(t, d.Nodes[0].Pause(d.ctx))
	t.Cleanup(func() { _ = d.Nodes[0].Resume(context.WithoutCancel(d.ctx)) })
	if res := s.within(500*time.Millisecond, write(800, 2)); res.Outcome != history.Info || !res.Broken || res.Err.Error() != "deadline exceeded" {
		t.Errorf("a write: %+v", res)
	}
	if res := d.session(t).within(500*time.Millisecond, read(800)); res.Outcome != history.Fail || !res.Broken {
		t.Errorf("a read: %+v", res)
	}
	must(t, d.Nodes[0].Resume(d.ctx))
	d.ready(t)
	if got := d.session(t).read(t, 800); got != 1 && got != 2 {
		t.Errorf("read %v", got)
	}
}

func (d *deployment) ready(t *testing.T) {
	t.Helper()
	must(t, cluster.Await(d.ctx, "n1 to be ready", func(ctx context.Context) error { return d.Ready(ctx, "n1") }))
}

// restart kills the process and starts it again.
func (d *deployment) restart(t *testing.T) {
	t.Helper()
	s := d.session(t)
	s.ok(t, read(1)) // connected
	must(t, d.Nodes[0].Kill(d.ctx))
	if err := d.Ready(d.ctx, "n1"); err == nil {
		t.Error("a dead node is ready")
	}
	if res := s.do(write(1, 1)); res.Outcome == history.OK || !res.Broken {
		t.Errorf("a write to the dead node: %+v", res)
	}
	if res := d.session(t).do(write(1, 1)); res.Outcome != history.Fail || res.Err.Error() != "connection refused" {
		t.Errorf("a write of a new session to the dead node: %+v", res)
	}
	must(t, d.Restart(d.ctx, "n1"))
	d.ready(t)
}

func killOnDisk(t *testing.T, d *deployment) {
	s := d.session(t)
	for i := range history.Key(50) {
		s.ok(t, write(900+i, 1))
	}
	d.restart(t)
	s = d.session(t)
	for i := range history.Key(50) {
		if got := s.read(t, 900+i); got != 1 {
			t.Errorf("%v is %v after kill -9: an acknowledged write is lost", 900+i, got)
		}
	}
	if err := d.Restart(d.ctx, "n9"); err == nil {
		t.Error("a node that there is not was restarted")
	}
}

// TestMemoryForgets: a store in memory loses acknowledged writes when it is
// killed, and its table; a new table is made.
func TestMemoryForgets(t *testing.T) {
	d := inSandbox(t, "storage", "memory", "shared_db", "off")
	d.session(t).ok(t, write(1, 7))
	d.restart(t)
	if got := d.session(t).read(t, 1); got != history.Absent {
		t.Errorf("read %v out of a memory that is gone", got)
	}
	if (Target{}).Promises(d.cfg, nil)["linearizable"] {
		t.Error("and yet it is promised")
	}
}

// TestEachUser runs it as whoever runs the tests, and as an ordinary user.
func TestEachUser(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		d := inSandbox(t, "storage", "memory")
		s := d.session(t)
		s.ok(t, write(1, 7))
		if got := s.read(t, 1); got != 7 {
			t.Errorf("read %v", got)
		}
	})
}

// TestOnLoopback runs it on the provider for machines without namespaces.
func TestOnLoopback(t *testing.T) {
	d := deploy(t, local.Provider{}, targets.Config{})
	s := d.session(t)
	s.ok(t, write(1, 7))
	if got := s.read(t, 1); got != 7 {
		t.Errorf("read %v", got)
	}
}

// TestEndpoint drives a DynamoDB that is there already: nothing is started, a
// table named after the run is made, and removed in the end.
func TestEndpoint(t *testing.T) {
	theirs := inSandbox(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "notsecret")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	tables := func() []string {
		out, err := theirs.admin.ListTables(theirs.ctx, &sdk.ListTablesInput{})
		must(t, err)
		return out.TableNames
	}
	at, err := Target{}.External([]string{theirs.access.endpoint})
	must(t, err)
	cfg, err := at.Resolve(targets.Config{Run: "t1", Options: map[string]string{"region": "eu-west-1"}, OpTimeout: opTimeout})
	must(t, err)
	must(t, at.(targets.Fetcher).Fetch(theirs.ctx, cfg))
	if got := tables(); !slices.Equal(got, []string{"lapse"}) {
		t.Errorf("looking made the tables %v", got)
	}
	spec := at.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := external.Provider{}.Open(theirs.ctx, spec)
	must(t, err)
	sys, err := at.Start(theirs.ctx, c, cfg)
	must(t, err)
	opened, err := sys.Open(theirs.ctx, targets.Session{ID: 1})
	must(t, err)
	s := &session{d: theirs, c: opened.(*client)}
	s.ok(t, write(1, 7))
	if got := s.read(t, 1); got != 7 {
		t.Errorf("read %v", got)
	}
	if got := tables(); !slices.Equal(got, []string{"lapse", "lapse-t1"}) {
		t.Errorf("there are the tables %v", got)
	}
	must(t, sys.Ready(theirs.ctx, "n1"))
	must(t, opened.Close())
	var environment *cluster.EnvironmentError
	if err := sys.Restart(theirs.ctx, "n1"); !errors.As(err, &environment) || !strings.Contains(err.Error(), "--operator") {
		t.Errorf("restarting what is not ours: %v", err)
	}
	// A second run of the same name touches nothing.
	if _, err := at.Start(theirs.ctx, c, cfg); !errors.As(err, &environment) || !strings.Contains(err.Error(), "already") {
		t.Errorf("the table is there already: %v", err)
	}
	if got := tables(); !slices.Equal(got, []string{"lapse", "lapse-t1"}) {
		t.Errorf("refused, and there are the tables %v", got)
	}
	must(t, sys.Stop(theirs.ctx))
	if got := tables(); !slices.Equal(got, []string{"lapse"}) {
		t.Errorf("the run left the tables %v", got)
	}
}

func TestStartFails(t *testing.T) {
	cfg, err := Target{}.Resolve(targets.Config{Run: "t1", Cache: software.Dir()})
	must(t, err)
	spec := Target{}.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := local.Provider{}.Open(t.Context(), spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.WithoutCancel(t.Context()))) })
	bind, err := c.Bind("n1", port)
	must(t, err)
	taken, err := net.Listen("tcp", bind)
	must(t, err)
	defer taken.Close()
	if _, err := (Target{}).Start(t.Context(), c, cfg); err == nil || !strings.Contains(err.Error(), "the process of n1 has ended") {
		t.Errorf("its port is taken: %v", err)
	}
	cfg.Cache = t.TempDir()
	if _, err := (Target{}).Start(t.Context(), c, cfg); err == nil || !strings.Contains(err.Error(), "lapse fetch dynamodb") {
		t.Errorf("without software: %v", err)
	}
}

// TestSurroundings: what lacks to run DynamoDB Local is named before anything is
// started. A newer Java serves.
func TestSurroundings(t *testing.T) {
	cfg, err := Target{}.Resolve(targets.Config{Run: "t1"})
	must(t, err)
	spec := Target{}.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := sandbox.Provider{}.Open(t.Context(), spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.WithoutCancel(t.Context()))) })
	software.Surroundings(t, []int{8, 11}, func(ctx context.Context, cache string) error {
		cfg := cfg
		cfg.Cache = cache
		_, err := Target{}.Start(ctx, c, cfg)
		if _, present := (Target{}).Present(ctx, cfg); present == nil {
			t.Error("Present says that all is there")
		}
		if got := c.Nodes()[0].State(); got != cluster.Stopped {
			t.Errorf("the node is %v", got)
		}
		return err
	})
}
