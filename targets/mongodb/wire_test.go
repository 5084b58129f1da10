package mongodb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	. "github.com/lapse-test/lapse/targets/targettest"
	"github.com/lapse-test/lapse/targets/wire"
)

const opTimeout = 5 * time.Second

// sessionOf is a client of scripted servers, of which the first takes the writes.
func sessionOf(t *testing.T, cfg targets.Config, servers ...*scripted) targets.Client {
	t.Helper()
	cfg.Nodes, cfg.OpTimeout = len(servers), opTimeout
	cfg, err := targets.Complete(externalInfo(), cfg)
	Must(t, err)
	s, err := parse(cfg)
	Must(t, err)
	st := &store{set: s, database: "lapse", writes: func(i int) bool { return i == 0 }, writer: func() int { return 0 }}
	for _, server := range servers {
		st.nodes = append(st.nodes, wire.Access{Addr: server.addr})
	}
	c := newClient(st, targets.Session{ID: 1})
	t.Cleanup(func() { Must(t, c.Close()) })
	return c
}

func do(t *testing.T, c targets.Client, node int, mops ...history.Mop) targets.Result {
	t.Helper()
	var txn history.Txn
	return Do(t.Context(), opTimeout, c, node, &txn, mops...)
}

func increment(k history.Key) history.Mop {
	return history.Mop{Func: history.Increment, Key: k, Arg: 1}
}

// TestOutcomes has each way in which an increment, a compare-and-set or a transaction can
// be answered, with what is made of it and how often it was sent.
func TestOutcomes(t *testing.T) {
	at := func(name string, said bson.D, err error) func(string, bson.Raw) (bson.D, error) {
		return func(command string, _ bson.Raw) (bson.D, error) {
			if command != name {
				return nil, nil
			}
			return said, err
		}
	}
	one := []history.Mop{increment(1)}
	two := []history.Mop{increment(1), Read(2)}
	compare := []history.Mop{CAS(1, 4, 5)}
	create := []history.Mop{CAS(1, history.Absent, 5)}
	whole := []string{"update", "find", "commitTransaction"}
	given := []string{"update", "abortTransaction"}
	for _, c := range []struct {
		name   string
		mops   []history.Mop
		answer func(string, bson.Raw) (bson.D, error)
		want   history.Outcome
		text   string
		sent   []string
		broken bool
	}{
		{"an increment", one, nil, history.OK, "", []string{"update"}, false},
		{"an increment by a node that is no primary", one, at("update", failure(10107, "NotWritablePrimary", "RetryableWriteError"), nil), history.Fail, "NotWritablePrimary", []string{"update"}, false},
		{"an increment during a step down", one, at("update", failure(11602, "InterruptedDueToReplStateChange", "RetryableWriteError"), nil), history.Info, "InterruptedDueToReplStateChange", []string{"update"}, false},
		{"the same, of which the server says more", one, at("update", failure(11602, "InterruptedDueToReplStateChange", "RetryableWriteError", "NoWritesPerformed"), nil), history.Fail, "InterruptedDueToReplStateChange", []string{"update"}, false},
		{"an increment that too few have", one, at("update", unmet(64, "WriteConcernFailed"), nil), history.Info, "write concern: WriteConcernFailed", []string{"update"}, false},
		{"an increment whose primary went while it waited", one, at("update", unmet(189, "PrimarySteppedDown"), nil), history.Info, "write concern: PrimarySteppedDown", []string{"update"}, false},
		{"an increment refused by itself", one, at("update", refusedWrite(112), nil), history.Fail, "WriteConflict", []string{"update"}, false},
		{"an increment by nobody knows what", one, at("update", failure(4711, "Unheard"), nil), history.Info, "Unheard", []string{"update"}, false},
		{"an increment without an answer", one, at("update", nil, errCut), history.Info, "connection closed", []string{"update"}, true},
		{"a compare-and-set", compare, nil, history.OK, "", []string{"findAndModify"}, false},
		{"a compare-and-set of another value", compare, at("findAndModify", bson.D{{Key: "ok", Value: 1}, {Key: "value", Value: nil}}, nil), history.Fail, errMismatch.Error(), []string{"findAndModify"}, false},
		{"a compare-and-set that too few have", compare, at("findAndModify", append(unmet(64, "WriteConcernFailed"), bson.E{Key: "value", Value: bson.D{}}), nil), history.Info, "write concern: WriteConcernFailed", []string{"findAndModify"}, false},
		{"a compare-and-set of nothing", create, at("insert", refusedWrite(11000), nil), history.Fail, errMismatch.Error(), []string{"insert"}, false},
		{"a transaction", two, nil, history.OK, "", whole, false},
		{"a transaction that conflicts", two, at("update", failure(112, "WriteConflict", labelTransient), nil), history.Fail, "WriteConflict", given, false},
		{"a transaction cut before its commit", two, at("find", nil, errCut), history.Fail, "connection closed", []string{"update", "find"}, true},
		{"a transaction that is over", two, at("commitTransaction", failure(251, "NoSuchTransaction", labelTransient), nil), history.Fail, "NoSuchTransaction", whole, false},
		{"a commit cut", two, at("commitTransaction", nil, errCut), history.Info, "connection closed", whole, true},
		{"a commit that too few have", two, at("commitTransaction", unmet(64, "WriteConcernFailed"), nil), history.Info, "commit: WriteConcernFailed", whole, false},
		{"a commit of which the server does not know", two, at("commitTransaction", failure(50, "MaxTimeMSExpired", labelUnknown), nil), history.Info, "commit: MaxTimeMSExpired", whole, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := script(t)
			server.says(c.answer)
			client := sessionOf(t, targets.Config{ReadLevel: snapshot}, server)
			res := do(t, client, 0, c.mops...)
			if text := errorText(res.Err); res.Outcome != c.want || text != c.text || res.Broken != c.broken {
				t.Errorf("%v, %q, broken: %v; want %v, %q, %v", res.Outcome, text, res.Broken, c.want, c.text, c.broken)
			}
			if got := server.commands(); !slices.Equal(got, c.sent) {
				t.Errorf("sent were %v, want %v", got, c.sent)
			}
			if c.broken {
				if res := do(t, client, 0, one...); res.Outcome != history.Fail || !res.Broken || len(server.commands()) != len(c.sent) {
					t.Errorf("after a lost connection: %v %v, sent %v", res.Outcome, res.Err, server.commands())
				}
				return
			}
			server.says(nil)
			if res := do(t, client, 0, two...); res.Outcome != history.OK {
				t.Errorf("a transaction afterwards: %v %v", res.Outcome, res.Err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestRetry: the driver sends an increment again only where it is told to, and then the
// server can tell that it is the same one.
func TestRetry(t *testing.T) {
	server := script(t)
	server.says(func(string, bson.Raw) (bson.D, error) {
		if len(server.commands()) == 1 {
			return failure(11602, "InterruptedDueToReplStateChange", "RetryableWriteError"), nil
		}
		return nil, nil
	})
	res := do(t, sessionOf(t, targets.Config{Options: map[string]string{optRetry: on}}, server), 0, increment(1))
	if got := server.commands(); res.Outcome != history.OK || !slices.Equal(got, []string{"update", "update"}) {
		t.Fatalf("%v %v, sent %v", res.Outcome, res.Err, got)
	}
	if a, b := server.sent(0).Lookup("txnNumber").String(), server.sent(1).Lookup("txnNumber").String(); a != b || a == "" {
		t.Errorf("they are of the transactions %q and %q", a, b)
	}
}

// TestLevels: what the levels are on the wire.
func TestLevels(t *testing.T) {
	for _, c := range []struct {
		read, write   string
		node          int // that answers a read asked at node 1
		concern, mode string
		w             any
		journal       bool
	}{
		{local, majority, 0, local, "primaryPreferred", majority, false},
		{majority, "1", 0, majority, "primaryPreferred", int32(1), false},
		{"majority:secondary", "2:j", 1, majority, secondary, int32(2), true},
		{"available:nearest", "1:j", 1, available, nearest, int32(1), true},
		{linearizable, majority, 0, linearizable, "primaryPreferred", majority, false},
		{snapshot, "majority:j", 0, snapshot, "primaryPreferred", majority, true},
	} {
		t.Run(c.read+" "+c.write, func(t *testing.T) {
			servers := []*scripted{script(t), script(t)}
			servers[1].secondary = true
			client := sessionOf(t, targets.Config{ReadLevel: c.read, WriteLevel: c.write}, servers...)
			if res := do(t, client, 1, Read(1)); res.Outcome != history.OK || res.Node != c.node {
				t.Fatalf("a read: %v %v by node %d", res.Outcome, res.Err, res.Node)
			}
			find := servers[c.node].sent(0)
			if got := find.Lookup("readConcern", "level").StringValue(); got != c.concern {
				t.Errorf("read concern %s", got)
			}
			if got := find.Lookup("$readPreference", "mode").StringValue(); got != c.mode {
				t.Errorf("read preference %s", got)
			}
			if find.Lookup("maxTimeMS").Type == 0 {
				t.Error("the server was not told the deadline")
			}
			if res := do(t, client, 1, increment(1)); res.Outcome != history.OK || res.Node != 0 {
				t.Fatalf("a write: %v %v by node %d", res.Outcome, res.Err, res.Node)
			}
			update := servers[0].sent(len(servers[0].commands()) - 1)
			w := update.Lookup("writeConcern", "w")
			text, _ := w.StringValueOK()
			number, _ := w.Int32OK()
			if text != c.w && number != c.w {
				t.Errorf("write concern %v", w)
			}
			if j, _ := update.Lookup("writeConcern", "j").BooleanOK(); j != c.journal {
				t.Errorf("j is %v", j)
			}
		})
	}
}

// TestTransactionOnTheWire: one transaction, begun by its first command, at the levels.
func TestTransactionOnTheWire(t *testing.T) {
	server := script(t)
	client := sessionOf(t, targets.Config{ReadLevel: majority, WriteLevel: "2:j"}, server)
	for range 2 {
		if res := do(t, client, 0, increment(1), Write(2, 3)); res.Outcome != history.OK {
			t.Fatalf("%v %v", res.Outcome, res.Err)
		}
	}
	numbers := map[string]int{}
	for i, name := range server.commands() {
		command := server.sent(i)
		numbers[command.Lookup("lsid", "id").String()+command.Lookup("txnNumber").String()]++
		begins, _ := command.Lookup("startTransaction").BooleanOK()
		if autocommit, ok := command.Lookup("autocommit").BooleanOK(); !ok || autocommit || begins != (i%3 == 0) {
			t.Errorf("%s %d: %v", name, i, command)
		}
		if level, _ := command.Lookup("readConcern", "level").StringValueOK(); (level == majority) != begins {
			t.Errorf("%s %d has read concern %q", name, i, level)
		}
		if j, _ := command.Lookup("writeConcern", "j").BooleanOK(); j != (name == "commitTransaction") {
			t.Errorf("%s %d: %v", name, i, command)
		}
	}
	if len(numbers) != 2 {
		t.Errorf("they are of the transactions %v, want two with three commands each", numbers)
	}
}

// TestCausal: what a session saw at one node goes along to the next; without, it does not.
func TestCausal(t *testing.T) {
	for _, session := range []string{sessionCausal, sessionNone} {
		servers := []*scripted{script(t), script(t)}
		servers[1].secondary = true
		client := sessionOf(t, targets.Config{ReadLevel: "majority:secondary", Options: map[string]string{optSession: session}}, servers...)
		if res := do(t, client, 0, Write(1, 2)); res.Outcome != history.OK {
			t.Fatalf("%v %v", res.Outcome, res.Err)
		}
		if res := do(t, client, 1, Read(1)); res.Outcome != history.OK || res.Node != 1 {
			t.Fatalf("%v %v", res.Outcome, res.Err)
		}
		seconds, increment, ok := servers[1].sent(0).Lookup("readConcern", "afterClusterTime").TimestampOK()
		if ok != (session == sessionCausal) || ok && (seconds != clusterTime.T || increment != clusterTime.I) {
			t.Errorf("session %s: the read is after %v.%v (%v)", session, seconds, increment, ok)
		}
	}
}

// TestLook has clusters beside each other that can be tested and that cannot.
func TestLook(t *testing.T) {
	const secret = "correct-horse-9"
	for _, c := range []struct {
		name     string
		cfg      targets.Config
		prepare  func(servers []*scripted)
		user     string
		refused  []string
		presents []string
	}{
		{name: "a replica set", presents: []string{"MongoDB 8.0.1", "takes writes", "a secondary", "replica set rs0"}},
		{name: "one of its majority", cfg: targets.Config{ReadLevel: majority, WriteLevel: "2"}, presents: []string{"8.0.1"}},
		{name: "more writers than members", cfg: targets.Config{WriteLevel: "3"}, refused: []string{"--write-level 3", "2 members", "use a smaller number"}},
		{name: "two replica sets", prepare: func(s []*scripted) { s[1].set = "rs1" }, refused: []string{"not of one cluster", "name the members of one replica set"}},
		{name: "two standalone servers", prepare: func(s []*scripted) { s[0].set, s[1].set, s[1].secondary = "", "", false }, refused: []string{"not of one cluster"}},
		{name: "no primary", prepare: func(s []*scripted) { s[0].secondary = true }, refused: []string{"none of the nodes of --at takes writes"}},
		{name: "a user who is let in nowhere", user: "me", prepare: func(s []*scripted) {
			s[0].says(func(string, bson.Raw) (bson.D, error) { return failure(18, "AuthenticationFailed"), nil })
		}, refused: []string{"LAPSE_MONGODB_PASSWORD", "auth_source"}},
		{name: "a node that is down", prepare: func(s []*scripted) { _ = s[1].listener.Close() }, refused: []string{"nobody listens there"}},
		{name: "a standalone server beside a member", prepare: func(s []*scripted) { s[0].set = "" }, refused: []string{"not of one cluster"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			servers := []*scripted{script(t), script(t)}
			servers[1].secondary = true
			for _, s := range servers {
				s.hosts = []string{servers[0].addr, servers[1].addr}
			}
			if c.prepare != nil {
				c.prepare(servers)
			}
			if c.user != "" {
				t.Setenv(login.User, c.user)
				t.Setenv(login.Password, secret)
			}
			text, err := present(t, c.cfg, servers...)
			var environment *cluster.EnvironmentError
			if (len(c.refused) > 0) != errors.As(err, &environment) || strings.Contains(errorText(err), secret) {
				t.Fatalf("%q, %v", text, err)
			}
			for _, part := range append(c.refused, c.presents...) {
				if !strings.Contains(text+errorText(err), part) {
					t.Errorf("%q %v does not say %q", text, err, part)
				}
			}
		})
	}
}

func present(t *testing.T, cfg targets.Config, servers ...*scripted) (string, error) {
	t.Helper()
	var at []string
	for _, s := range servers {
		at = append(at, s.addr)
	}
	target, err := Target{}.External(at)
	Must(t, err)
	cfg.Run, cfg.OpTimeout = "20261129-050000-1a2b", opTimeout
	cfg, err = target.Resolve(cfg)
	Must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return target.(targets.Fetcher).Present(ctx, cfg)
}

// TestStandalone: what a server without replicas cannot do is refused before a run, and
// what it can is not.
func TestStandalone(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     targets.Config
		refused string
	}{
		{"the defaults", targets.Config{}, ""},
		{"read concern majority", targets.Config{ReadLevel: majority}, "has no read concern majority; use --read-level local"},
		{"read concern snapshot", targets.Config{ReadLevel: snapshot}, "has no read concern snapshot"},
		{"two writers", targets.Config{WriteLevel: "2"}, "--write-level 2"},
		{"a causal session", targets.Config{Options: map[string]string{optSession: sessionCausal}}, "no causally consistent sessions"},
	} {
		server := script(t)
		server.set = ""
		text, err := present(t, c.cfg, server)
		if c.refused == "" && (err != nil || !strings.Contains(text, "no transactions")) || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %q, %v", c.name, text, err)
		}
	}
	// Transactions are refused by the workloads that need them, for want of any.
	for name, c := range map[string]struct {
		cfg        targets.Config
		set        string
		max, asked int
	}{
		"standalone":                {targets.Config{}, "", 1, 1},
		"a replica set":             {targets.Config{}, "rs0", maxTxn, 1},
		"reads at a secondary":      {targets.Config{ReadLevel: "local:secondary"}, "rs0", 1, 0},
		"read concern linearizable": {targets.Config{ReadLevel: linearizable}, "rs0", 1, 0},
		"read concern snapshot":     {targets.Config{ReadLevel: snapshot}, "rs0", maxTxn, 1},
	} {
		server := script(t)
		server.set = c.set
		target, err := Target{}.External([]string{server.addr, "127.0.0.1:1"})
		Must(t, err)
		narrowed, err := targets.Describe(t.Context(), target, c.cfg)
		if err != nil || narrowed.Info().MaxTxn != c.max {
			t.Errorf("%s: %d operations in a transaction, %v", name, narrowed.Info().MaxTxn, err)
		}
		if got := server.hellos(); got != c.asked {
			t.Errorf("%s: it was asked %d times what it is, want %d", name, got, c.asked)
		}
	}
}

// TestLookAsksOnce: a look at a cluster asks each node once what it is.
func TestLookAsksOnce(t *testing.T) {
	for _, secondaries := range []int{0, 1, 2} {
		all := []*scripted{script(t)}
		for range secondaries {
			s := script(t)
			s.secondary = true
			all = append(all, s)
		}
		var hosts []string
		for _, s := range all {
			hosts = append(hosts, s.addr)
		}
		for _, s := range all {
			s.hosts = hosts
		}
		text, err := present(t, targets.Config{}, all...)
		Must(t, err)
		for i, s := range all {
			if got := s.hellos(); got != 1 {
				t.Errorf("%d secondaries: node %d was asked %d times what it is, want 1 (%s)", secondaries, i+1, got, text)
			}
		}
	}
}
