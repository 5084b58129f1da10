package mongodb

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
	. "github.com/lapse-test/lapse/targets/targettest"
	"github.com/lapse-test/lapse/targets/wire"
)

// TestClassify has a case for each row, and for each code that is a refusal both as the
// answer to a command and as that to one write.
func TestClassify(t *testing.T) {
	c := outcometest.New(t, errorTable)
	command := func(code int32, name string, labels ...string) error {
		return mongo.CommandError{Code: code, Name: name, Message: "of lapse.data at 192.0.2.7", Labels: labels}
	}
	concern := func(code int, name string, labels ...string) error {
		return mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: code, Name: name, Message: "waiting"}, Labels: labels}
	}
	c.Is("never sent", errNothing, history.Fail, outcometest.Kept, errNothing.Error())
	c.Is("a transaction of a standalone server", errStandalone, history.Fail, outcometest.Kept, errStandalone.Error())
	c.Is("a condition", errMismatch, history.Fail, outcometest.Kept, errMismatch.Error())
	c.Is("no value", fmt.Errorf("%w: a field of type 3", contents.ErrForeign), history.Info, outcometest.Broken, contents.ErrForeign.Error())
	for code, name := range refusals {
		c.Is(name, command(int32(code), name), history.Fail, outcometest.Kept, name) //nolint:gosec // small
		c.Is(name+" of a write", mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: code, Message: "of lapse.data"}}}, history.Fail, outcometest.Kept, name)
		// What is waited for after a write is another thing than the write.
		c.Is(name+" of a write concern", concern(code, name), history.Info, outcometest.Kept, "write concern: "+name)
		c.Is(name+" of a commit", command(int32(code), name, labelUnknown), history.Info, outcometest.Kept, "commit: "+name) //nolint:gosec // small
	}
	for code, name := range map[int32]string{
		6: "HostUnreachable", 50: "MaxTimeMSExpired", 64: "WriteConcernFailed", 79: "UnknownReplWriteConcern", 91: "ShutdownInProgress", 100: "UnsatisfiableWriteConcern",
		189: "PrimarySteppedDown", 202: "NetworkInterfaceExceededTimeLimit", 262: "ExceededTimeLimit", 11600: "InterruptedAtShutdown", 11601: "Interrupted", 11602: "InterruptedDueToReplStateChange",
	} {
		c.Is(name, command(code, name), history.Info, outcometest.Kept, name)
		c.Is(name+" of a write concern", concern(int(code), name), history.Info, outcometest.Kept, "write concern: "+name)
		c.Is(name+" without writes", command(code, name, labelNoWrites), history.Fail, outcometest.Kept, name)
		c.Is(name+" of a transaction", command(code, name, labelTransient), history.Fail, outcometest.Kept, name)
	}
	c.Is("a commit that too few have", concern(64, "WriteConcernFailed", labelUnknown), history.Info, outcometest.Kept, "commit: WriteConcernFailed")
	c.Is("a commit that is both", command(251, "NoSuchTransaction", labelUnknown, labelTransient), history.Info, outcometest.Kept, "commit: NoSuchTransaction")
	c.Is("a code without a name", command(4711, ""), history.Info, outcometest.Kept, "error 4711")
	for _, labels := range [][]string{{labelNetwork}, {labelNetwork, labelTransient}, {labelNetwork, labelUnknown}} {
		c.Is("a lost connection", mongo.CommandError{Labels: labels, Wrapped: io.EOF}, history.Info, outcometest.Broken, "connection closed")
	}
	c.Is("what nobody knows", errors.New("incomplete read of message header"), history.Info, outcometest.Broken, outcome.Unknown)
}

// TestResolve has what is refused beside what is not, one setting apart.
func TestResolve(t *testing.T) {
	three := []string{"a:1", "b", "c"}
	set := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, c := range []struct {
		name    string
		at      []string
		cfg     targets.Config
		refused string
	}{
		{"defaults", three, targets.Config{}, ""},
		{"an unknown concern", three, targets.Config{ReadLevel: "strong"}, "want a read concern"},
		{"a preference of its own", three, targets.Config{ReadLevel: "majority:secondary"}, ""},
		{"an unknown preference", three, targets.Config{ReadLevel: "majority:primaryPreferred"}, "want a read concern"},
		{"a secondary of none", []string{"a"}, targets.Config{ReadLevel: "majority:secondary"}, "name a secondary as well"},
		{"linearizable", three, targets.Config{ReadLevel: linearizable}, ""},
		{"linearizable elsewhere", three, targets.Config{ReadLevel: "linearizable:nearest"}, "at the primary only"},
		{"causal", three, targets.Config{ReadLevel: majority, Options: set(optSession, sessionCausal)}, ""},
		{"causal and linearizable", three, targets.Config{ReadLevel: linearizable, Options: set(optSession, sessionCausal)}, "no read concern linearizable in causally"},
		{"causal and available", three, targets.Config{ReadLevel: available, Options: set(optSession, sessionCausal)}, "no read concern available in causally"},
		{"two writers", three, targets.Config{WriteLevel: "2:j"}, ""},
		{"no writer", three, targets.Config{WriteLevel: "0"}, "nobody answers"},
		{"fewer", three, targets.Config{WriteLevel: "-1"}, "want the w"},
		{"an unknown concern of writes", three, targets.Config{WriteLevel: "all"}, "want the w"},
		{"an unknown end", three, targets.Config{WriteLevel: "majority:wtimeout"}, "want the w"},
		{"an unknown session", three, targets.Config{Options: set(optSession, "on")}, "must be one of none, causal"},
		{"a connection string", []string{"mongodb://me:hunter2@a,b"}, targets.Config{}, "not a connection string"},
		{"another one", []string{"mongodb+srv://me:hunter2@a"}, targets.Config{}, "not a connection string"},
		{"a password", []string{"me:hunter2@a:1"}, targets.Config{}, "credentials come from the environment"},
		{"a node twice", []string{"a", "a:27017"}, targets.Config{}, "is there twice"},
		{"the stand-in", nil, targets.Config{ReadLevel: available, WriteLevel: "1"}, ""},
		{"the stand-in's majority", nil, targets.Config{ReadLevel: majority}, "a stand-in, not MongoDB"},
		{"the stand-in's journal", nil, targets.Config{WriteLevel: "1:j"}, "a stand-in, not MongoDB"},
		{"three stand-ins", nil, targets.Config{Nodes: 3}, "is one process"},
	} {
		var target targets.Target = Target{}
		var err error
		if c.at != nil {
			target, err = Target{}.External(c.at)
		}
		if err == nil {
			_, err = target.Resolve(c.cfg)
		}
		var usage *targets.UsageError
		switch {
		case c.refused == "":
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case !errors.As(err, &usage) || !strings.Contains(err.Error(), c.refused) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}

// TestPromises is the manual's table of causally consistent sessions, and what it says
// of linearizable reads and of writes that can be rolled back.
func TestPromises(t *testing.T) {
	four := func(ryw, mr, mw, wfr bool) map[string]bool {
		return map[string]bool{models.ReadYourWrites: ryw, models.MonotonicReads: mr, models.MonotonicWrites: mw, models.WritesFollowReads: wfr}
	}
	single := func(promised bool) map[string]bool {
		out := four(promised, promised, promised, promised)
		for _, m := range []string{models.Linearizable, models.Sequential, models.Regular, models.Safe} {
			out[m] = promised
		}
		return out
	}
	with := func(out map[string]bool, linearizable bool, lost ...bool) map[string]bool {
		out[models.Linearizable] = linearizable
		if _, linear := out[models.Sequential]; !linear {
			targets.Promised(out).ReadOld() // at no other read concern
		}
		if len(lost) > 0 {
			out[models.NoLostWrites] = lost[0]
		}
		return out
	}
	none := map[string]bool{}
	for _, c := range []struct {
		read, write, session string
		want                 map[string]bool
	}{
		{linearizable, majority, sessionNone, with(single(true), true, true)},
		{linearizable, "1", sessionNone, with(single(false), false, false)},
		{linearizable, "2", sessionNone, single(false)},
		{majority, majority, sessionCausal, with(four(true, true, true, true), false, true)},
		{"majority:secondary", "majority:j", sessionCausal, with(four(true, true, true, true), false, true)},
		{majority, "1", sessionCausal, with(four(false, true, false, true), false, false)},
		{majority, "2", sessionCausal, with(maps.Clone(none), false)},
		{local, "1", sessionCausal, with(four(false, false, false, false), false, false)},
		{local, majority, sessionCausal, with(four(false, false, true, false), false, true)},
		{majority, majority, sessionNone, with(four(false, false, false, false), false, true)},
		{local, majority, sessionNone, with(four(false, false, false, false), false, true)},
		{snapshot, majority, sessionCausal, with(maps.Clone(none), false, true)},
	} {
		cfg := targets.Config{Nodes: 3, ReadLevel: c.read, WriteLevel: c.write, Options: map[string]string{optSession: c.session}}
		if got := promises(cfg, nil); !maps.Equal(got, c.want) {
			t.Errorf("write %s, read %s, session %s: %v, want %v", c.write, c.read, c.session, got, c.want)
		}
	}
	if _, promises := targets.Target(Target{}).(targets.Promiser); promises {
		t.Error("something is promised of the stand-in")
	}
	if text := (Target{}).Info().Summary + (*System)(nil).Version(); strings.Count(text, "not MongoDB") != 2 {
		t.Errorf("%q does not say what the stand-in is", text)
	}
}

// TestChoose: who is asked, by the level and by who takes writes.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		read       string
		at         int
		writes     bool
		want       int
		everywhere int // where every node takes writes, as a mongos does
	}{
		{local, 0, false, 1, 0}, {local, 1, false, 1, 1}, {local, 2, true, 1, 2},
		{"local:secondary", 0, false, 0, 0}, {"local:secondary", 1, false, 2, 1}, {"local:secondary", 2, true, 1, 2},
		{"local:nearest", 0, false, 0, 0}, {"local:nearest", 1, false, 1, 1}, {"local:nearest", 0, true, 1, 0},
	} {
		s, err := parse(targets.Config{Nodes: 3, ReadLevel: c.read, WriteLevel: majority})
		Must(t, err)
		st := &store{set: s, nodes: make([]wire.Access, 3), writes: func(i int) bool { return i == 1 }, writer: func() int { return 1 }}
		cl := newClient(st, targets.Session{})
		if got := cl.choose(c.at, c.writes); got != c.want {
			t.Errorf("%s at %d, writes: %v: node %d, want %d", c.read, c.at, c.writes, got, c.want)
		}
		st.writes = func(int) bool { return true }
		if got := cl.choose(c.at, c.writes); got != c.everywhere {
			t.Errorf("every node takes writes: %s at %d, writes: %v: node %d, want %d", c.read, c.at, c.writes, got, c.everywhere)
		}
	}
}

// TestUnmade: what is there after the statement that makes the run's place has failed. What
// may be there is removed; what is another's is not touched.
func TestUnmade(t *testing.T) {
	answer := func(code int32, name string) error { return mongo.CommandError{Code: code, Name: name} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{answer(48, "NamespaceExists"), "taken"},
		{answer(13, "Unauthorized"), "refused"},
		{answer(10107, "NotWritablePrimary"), "refused"},
		{answer(189, "PrimarySteppedDown"), "unknown"},
		{answer(50, "MaxTimeMSExpired"), "unknown"},
		{io.ErrUnexpectedEOF, "unknown"},
	} {
		got := external.Unmade(taken(c.err), errorTable.Undone(c.err), c.err)
		if taken := errors.Is(got, external.ErrTaken); taken != (c.want == "taken") {
			t.Errorf("%v: taken is %v", c.err, taken)
		}
		if refused := external.IsRefused(got); refused != (c.want != "unknown") {
			t.Errorf("%v: that nothing was made is %v, want %s", c.err, refused, c.want)
		}
	}
}

// TestProcess: a server is known by its process, which it names since 4.4; before, the id is of zeros alone.
func TestProcess(t *testing.T) {
	id := bson.NewObjectID()
	for want, answer := range map[bson.ObjectID]bson.D{
		id: {{Key: "ismaster", Value: true}, {Key: "topologyVersion", Value: bson.D{{Key: "processId", Value: id}, {Key: "counter", Value: int64(6)}}}},
		{}: {{Key: "ismaster", Value: true}},
	} {
		raw, err := bson.Marshal(answer)
		Must(t, err)
		var g greeting
		Must(t, bson.Unmarshal(raw, &g))
		if got := g.Topology.Process; got != want || !g.takesWrites() {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
