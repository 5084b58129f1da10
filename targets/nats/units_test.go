package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	driver "github.com/nats-io/nats.go"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

func TestClassify(t *testing.T) {
	const changed = "wrong last sequence: the key was changed"
	c := outcometest.New(t, errorTable)
	c.Is("nobody listens", driver.ErrNoResponders, history.Fail, outcometest.Kept, "no responders")
	c.Is("changed since", &apiError{400, codeWrongSequence, "wrong last sequence: 7"}, history.Fail, outcometest.Kept, changed)
	c.Is("changed since, without the number", &apiError{400, codeWrongSequenceAny, "wrong last sequence"}, history.Fail, outcometest.Kept, changed)
	c.Is("another value", errMismatch, history.Fail, outcometest.Kept, errMismatch.Error())
	c.Is("a write of nothing", errNothing, history.Fail, outcometest.Kept, errNothing.Error())
	c.Is("no stream", &apiError{404, codeNoStream, "stream not found"}, history.Fail, outcometest.Kept, "no such stream")
	c.Is("no right", &forbiddenError{driver.ErrPermissionViolation}, history.Fail, outcometest.Kept, "the user may not")
	c.Is("no right to the answer", driver.ErrPermissionViolation, history.Info, outcometest.Broken, "the user may not hear the answer")
	c.Is("no JetStream at all", &apiError{503, codeNotEnabledAtAll, "jetstream not enabled"}, history.Fail, outcometest.Kept, "JetStream is not enabled")
	c.Is("no JetStream", &apiError{503, codeNotEnabled, "jetstream not enabled for account"}, history.Fail, outcometest.Kept, "JetStream is not enabled")
	c.Is("no leader", &apiError{503, 10008, "jetstream cluster not available"}, history.Info, outcometest.Kept, "JetStream error 10008 (503)")
	c.Is("garbage", errGarbage, history.Info, outcometest.Broken, errGarbage.Error())
	c.Is("no answer", driver.ErrTimeout, history.Info, outcometest.Broken, "deadline exceeded")
	c.Is("closed", driver.ErrConnectionClosed, history.Info, outcometest.Broken, "connection closed")
	c.Is("no server", driver.ErrNoServers, history.Info, outcometest.Broken, "no connection")
}

// TestServed: what was refused for what is there or for another's write was served; a read before a write that met no
// answer was not, and keeps its own name.
func TestServed(t *testing.T) {
	for _, c := range []struct {
		err  error
		note string
	}{
		{&apiError{400, codeWrongSequence, "wrong last sequence: 7"}, history.NoteAborted},
		{&apiError{400, codeWrongSequenceAny, "wrong last sequence"}, history.NoteAborted},
		{errMismatch, history.NoteRefused},
		{&unreadError{driver.ErrTimeout}, ""},
		{&apiError{404, codeNoStream, "stream not found"}, ""},
	} {
		if got := served(c.err); got != c.note {
			t.Errorf("%v: %q, want %q", c.err, got, c.note)
		}
	}
	j := errorTable.Judge(outcome.Operation{Sent: true}, &unreadError{driver.ErrTimeout})
	if !unread(&unreadError{driver.ErrTimeout}) || unread(driver.ErrTimeout) || j.Outcome != history.Fail || j.Err.Error() != "deadline exceeded" {
		t.Errorf("a read before a write that was not answered: %v (%v)", j.Outcome, j.Err)
	}
}

// TestChanged has for each function that reads first what is written then.
func TestChanged(t *testing.T) {
	for _, c := range []struct {
		m      history.Mop
		before string
		want   string
		err    error
	}{
		{history.Mop{Func: history.CAS, Expect: 1, Arg: 2}, "1", "2", nil},
		{history.Mop{Func: history.CAS, Expect: 1, Arg: 2}, "3", "", errMismatch},
		{history.Mop{Func: history.CAS, Expect: 1, Arg: 2}, "", "", errMismatch},
		{history.Mop{Func: history.CAS, Expect: history.Absent, Arg: 2}, "", "2", nil},
		{history.Mop{Func: history.CAS, Expect: history.Absent, Arg: 2}, "1", "", errMismatch},
		{history.Mop{Func: history.Append, Arg: 2}, "1", "1 2", nil},
		{history.Mop{Func: history.Add, Arg: 2}, "1 2", "1 2", nil},
		{history.Mop{Func: history.Remove, Arg: 2}, "1 2 3", "1 3", nil},
		{history.Mop{Func: history.Increment, Arg: -2}, "5", "3", nil},
		{history.Mop{Func: history.Increment, Arg: 4}, "", "4", nil},
	} {
		var before []byte
		if c.before != "" {
			before = []byte(c.before)
		}
		got, err := changed(&c.m, before)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v %v of %q: %q, %v; want %q, %v", c.m.Func, c.m.Arg, c.before, got, err, c.want, c.err)
		}
	}
}

// FuzzDecode: whatever an answer is, it is an error or a result.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"stream":"KV_lapse","seq":3}`, `{"error":{"code":400,"err_code":10071,"description":"x"}}`, `{}`, `null`, `[`, ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ack struct {
			Seq uint64 `json:"seq"`
		}
		if err := decode(data, &ack); err != nil && ack.Seq != 0 && !errors.Is(err, errGarbage) {
			t.Errorf("%q: %v with sequence %d", data, err, ack.Seq)
		}
	})
}

// TestResolve: an even number of nodes has no bucket with a replica on each.
func TestResolve(t *testing.T) {
	var usage *targets.UsageError
	if _, err := (Target{}).Resolve(targets.Config{Nodes: 4}); !errors.As(err, &usage) || !strings.Contains(err.Error(), "1, 3 or 5") {
		t.Errorf("four nodes: %v", err)
	}
	for version, want := range map[string]bool{versions[0]: true, losesStreams: false} {
		cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, Options: map[string]string{optVersion: version}})
		if err != nil {
			t.Fatal(err)
		}
		if p := (Target{}).Promises(cfg, nil); p["no-lost-writes"] != want || p["linearizable"] {
			t.Errorf("%s promises %v", version, p)
		}
	}
}

// TestPromisesOfSessions: a session that goes from one server to the next goes back in time, and of
// one that stays nothing is said; neither is promised to see its own writes.
func TestPromisesOfSessions(t *testing.T) {
	for _, read := range []string{readLeader, readDirect} {
		for _, roams := range []bool{false, true} {
			cfg, err := Target{}.Resolve(targets.Config{ReadLevel: read, Roams: roams})
			if err != nil {
				t.Fatal(err)
			}
			p := (Target{}).Promises(cfg, nil)
			for _, m := range []string{"monotonic-reads", "monotonic-writes", "writes-follow-reads"} {
				if promised, said := p[m]; promised || said != roams {
					t.Errorf("%s, roams %t: %s is promised: %t (said: %t)", read, roams, m, promised, said)
				}
			}
			if promised, said := p["read-your-writes"]; promised || !said {
				t.Errorf("%s, roams %t: read-your-writes is promised: %t (said: %t)", read, roams, promised, said)
			}
		}
	}
}

// TestPromisesWithoutPower: only what was synced survives a power failure, and what was not
// survives a kill.
func TestPromisesWithoutPower(t *testing.T) {
	for _, c := range []struct {
		sync  string
		power bool
		want  bool
	}{{syncDefault, false, true}, {syncDefault, true, false}, {syncAlways, false, true}, {syncAlways, true, true}} {
		cfg, err := Target{}.Resolve(targets.Config{PowerFailures: c.power, Options: map[string]string{optSync: c.sync}})
		if err != nil {
			t.Fatal(err)
		}
		if got := (Target{}).Promises(cfg, nil)["no-lost-writes"]; got != c.want {
			t.Errorf("sync_interval=%s, power failures %t: no-lost-writes is promised: %t, want %t", c.sync, c.power, got, c.want)
		}
	}
}

// TestPromisesFound: at --at the servers' versions say what is promised, and one server that
// loses streams is enough.
func TestPromisesFound(t *testing.T) {
	for _, c := range []struct {
		versions []string
		want     bool
	}{
		{[]string{"2.10.23", "2.10.23", "2.10.23"}, true},
		{[]string{"2.10.22", "2.10.22", "2.10.22"}, false},
		{[]string{"2.10.23", "2.10.22", "2.10.23"}, false},
		{[]string{"2.15.3"}, true},
		{[]string{"2.9.25"}, false},
		{[]string{"2.10.23-RC.1"}, false},
		{[]string{"2.12.0-RC.1"}, true},
		{[]string{"a fork"}, false},
	} {
		v := &visit{}
		for _, version := range c.versions {
			v.servers = append(v.servers, server{version: version})
		}
		if p := v.Promises(targets.Config{}, nil); p["no-lost-writes"] != c.want || p["linearizable"] || p["set"] {
			t.Errorf("%v promise %v", c.versions, p)
		}
	}
}

// TestVersionsArePinned: each version has its two files, which name it.
func TestVersionsArePinned(t *testing.T) {
	for _, v := range versions {
		s, err := source(v)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(s.Mod), "nats-server/v2 v"+v) || !strings.Contains(string(s.Sum), "nats-server/v2 v"+v) {
			t.Errorf("the files of %s are of another version", v)
		}
	}
	if _, err := os.ReadFile("../../docs/targets/nats.md"); err != nil {
		t.Error(err)
	}
}

// TestTrace: which server a message goes to, by the word of the one that it came to.
func TestTrace(t *testing.T) {
	const in = `{"type":"in","kind":0}`
	for events, want := range map[string]string{
		in: "a", // what stays in the server is not told
		in + `,{"type":"eg","kind":1,"name":"b"}`:                                         "b",
		in + `,{"type":"eg","kind":0,"name":"watches"},{"type":"eg","kind":2,"name":"c"}`: "c",
	} {
		var tr trace
		if err := json.Unmarshal([]byte(`{"server":{"name":"a"},"events":[`+events+`]}`), &tr); err != nil {
			t.Fatal(err)
		}
		if got, err := tr.goesTo(); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", events, got, err, want)
		}
	}
	refused := trace{}
	if err := json.Unmarshal([]byte(`{"events":[{"type":"in","error":"no right"}]}`), &refused); err != nil {
		t.Fatal(err)
	}
	if got, err := refused.goesTo(); err == nil {
		t.Errorf("what was refused goes to %q", got)
	}
	for version, want := range map[string]bool{"2.10.23": false, "2.11.0": true, "2.12.1-RC.1": true, "3.0.0": true, "1.4": false, "": false} {
		if traces(version) != want {
			t.Errorf("%q tells: %v", version, !want)
		}
	}
}

// TestGroup: who is in sync, by the word of the leader.
func TestGroup(t *testing.T) {
	var g group
	if err := json.Unmarshal([]byte(`{"cluster":{"leader":"a","replicas":[{"name":"b","current":true},{"name":"c"},{"name":"d","current":true,"offline":true}]}}`), &g); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]bool{"a": {true, true}, "b": {true, true}, "c": {true, false}, "d": {true, false}, "e": {false, false}} {
		if g.member(name) != want[0] || g.current(name) != want[1] {
			t.Errorf("%s: member %v, current %v", name, g.member(name), g.current(name))
		}
	}
	g.Cluster.Leader = ""
	if g.current("b") {
		t.Error("without a leader nobody is in sync")
	}
}

// TestListeners: who is to answer direct reads before a node serves. Those that --at does not
// name are everybody's affair, or nobody would wait for them.
func TestListeners(t *testing.T) {
	const three = `{"cluster":{"leader":"a","replicas":[{"name":"b","current":true},{"name":"c","current":true}]}}`
	for _, c := range []struct {
		name, group, own string
		named            []string
		want             []string
	}{
		{"all are named", three, "a", []string{"a", "b", "c"}, []string{"a"}},
		{"one is not", three, "a", []string{"a", "b"}, []string{"a", "c"}},
		{"the leader is not", three, "b", []string{"b", "c"}, []string{"a", "b"}},
		{"without a replica of its own", three, "d", []string{"d"}, []string{"a", "b", "c"}},
		{"without one, and all others are named", three, "d", []string{"a", "b", "c", "d"}, nil},
		{"one that is not named is behind", `{"cluster":{"leader":"a","replicas":[{"name":"b","current":true},{"name":"c"}]}}`, "a", []string{"a"}, []string{"a", "b"}},
		{"one that is not named is down", `{"cluster":{"leader":"a","replicas":[{"name":"b","current":true},{"name":"c","current":true,"offline":true}]}}`, "a", []string{"a"}, []string{"a", "b"}},
		{"no leader", `{"cluster":{"replicas":[{"name":"b","current":true},{"name":"c","current":true}]}}`, "b", []string{"b"}, []string{"b"}},
		{"one server", `{"cluster":{"leader":"a"}}`, "a", []string{"a"}, nil},
	} {
		var g group
		if err := json.Unmarshal([]byte(c.group), &g); err != nil {
			t.Fatal(err)
		}
		if got := g.listeners(c.own, c.named); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	var h heard
	h.note("a")
	if got := h.silent([]string{"a", "b"}); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after a was heard these are silent: %v", got)
	}
}

// TestDenied: only the server's word that a message to the request's own subject went nowhere says so. That the
// user may not hear the answer, or that of another request, does not.
func TestDenied(t *testing.T) {
	const own = "$KV.b.value.1"
	for said, want := range map[string]history.Outcome{
		`Permissions Violation for Publish to "$KV.b.value.1"`:         history.Fail,
		`Permissions Violation for Publish to "$KV.b.value.11"`:        history.Info,
		`Permissions Violation for Subscription to "_INBOX.a.*"`:       history.Info,
		`Permissions Violation for Publish with Reply of "_INBOX.a.*"`: history.Info,
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var d denied
		d.await(cancel, own)
		d.hear(nil, nil, fmt.Errorf("%w: %s", driver.ErrPermissionViolation, said))
		j := errorTable.Judge(outcome.Operation{Writes: true, Sent: true}, context.Cause(ctx))
		if j.Outcome != want {
			t.Errorf("%s: %v (%v), want %v", said, j.Outcome, j.Err, want)
		}
		if (j.Outcome == history.Fail) != refused(context.Cause(ctx)) {
			t.Errorf("%s: a bucket was not made for certain: %v", said, !(j.Outcome == history.Fail))
		}
		cancel(nil)
	}
}
