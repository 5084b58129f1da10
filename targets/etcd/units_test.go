package etcd

import (
	"errors"
	"os"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	driver "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

// TestClassify has a case for each error, as the server sends it and as the client
// returns it.
func TestClassify(t *testing.T) {
	c := outcometest.New(t, errorTable)
	twice := func(err error, want history.Outcome, broken bool) {
		t.Helper()
		text := rpctypes.ErrorDesc(err)
		c.Is(text, err, want, broken, text)
		c.Is(text+" (client)", rpctypes.Error(err), want, broken, text)
	}
	both := func(err error, want history.Outcome) { twice(err, want, outcometest.Kept) }
	c.Is("never sent", errNothing, history.Fail, outcometest.Kept, errNothing.Error())
	c.Is("a condition", errConflict, history.Fail, outcometest.Kept, errConflict.Error())
	// Certainly not applied.
	both(rpctypes.ErrGRPCRequestTooManyRequests, history.Fail)
	both(rpctypes.ErrGRPCNoLeader, history.Fail)
	both(rpctypes.ErrGRPCNoSpace, history.Fail)
	both(rpctypes.ErrGRPCCompacted, history.Fail)
	both(rpctypes.ErrGRPCFutureRev, history.Fail)
	both(rpctypes.ErrGRPCEmptyKey, history.Fail)
	both(rpctypes.ErrGRPCTooManyOps, history.Fail)
	both(rpctypes.ErrGRPCDuplicateKey, history.Fail)
	both(rpctypes.ErrGRPCRequestTooLarge, history.Fail)
	both(rpctypes.ErrGRPCLeaseNotFound, history.Fail)
	both(rpctypes.ErrGRPCLeaseExist, history.Fail)
	both(rpctypes.ErrGRPCLeaseTTLTooLarge, history.Fail)
	both(rpctypes.ErrGRPCNotCapable, history.Fail)
	both(rpctypes.ErrGRPCNotSupportedForLearner, history.Fail)
	both(rpctypes.ErrGRPCUserEmpty, history.Fail)
	both(rpctypes.ErrGRPCAuthFailed, history.Fail)
	both(rpctypes.ErrGRPCPermissionDenied, history.Fail)
	both(rpctypes.ErrGRPCPermissionNotGiven, history.Fail)
	twice(rpctypes.ErrGRPCInvalidAuthToken, history.Fail, outcometest.Broken)
	twice(rpctypes.ErrGRPCAuthOldRevision, history.Fail, outcometest.Broken)
	both(rpctypes.ErrGRPCAuthNotEnabled, history.Fail)
	c.Is(dropped, status.Error(codes.Unknown, dropped), history.Fail, outcometest.Kept, "etcdserver: raft proposal dropped")
	// Perhaps applied.
	both(rpctypes.ErrGRPCTimeout, history.Info)
	both(rpctypes.ErrGRPCTimeoutDueToLeaderFail, history.Info)
	both(rpctypes.ErrGRPCTimeoutDueToConnectionLost, history.Info)
	both(rpctypes.ErrGRPCTimeoutWaitAppliedIndex, history.Info)
	both(rpctypes.ErrGRPCLeaderChanged, history.Info)
	both(rpctypes.ErrGRPCNotLeader, history.Info)
	both(rpctypes.ErrGRPCStopped, history.Info)
	both(rpctypes.ErrGRPCUnhealthy, history.Info)
	both(rpctypes.ErrGRPCCorrupt, history.Info)
	c.Is("the server's deadline", status.Error(codes.DeadlineExceeded, "context deadline exceeded"), history.Info, outcometest.Broken, "deadline exceeded")
	c.Is("canceled", status.Error(codes.Canceled, "context canceled"), history.Info, outcometest.Broken, "canceled")
	for _, text := range []string{"transport is closing", "error reading from server: EOF", "error reading from server: read tcp 192.0.2.1:4711->192.0.2.2:2379: read: connection reset by peer"} {
		c.Is(text, status.Error(codes.Unavailable, text), history.Info, outcometest.Broken, "connection lost")
	}
	c.Is("what nobody knows", status.Error(codes.Internal, "stream terminated"), history.Info, outcometest.Broken, "connection failed")
}

// TestResolve has what is refused beside what is not, one setting apart.
func TestResolve(t *testing.T) {
	set := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	for _, c := range []struct {
		name    string
		cfg     targets.Config
		refused string
	}{
		{"defaults", targets.Config{}, ""},
		{"a stale level", targets.Config{ReadLevel: readSerializable}, ""},
		{"no level", targets.Config{ReadLevel: "QUORUM"}, "etcd has linearizable, serializable"},
		{"no write level", targets.Config{WriteLevel: "one"}, "--write-level one: etcd has quorum"},
		{"a version", targets.Config{Options: set(optVersion, "3.6")}, ""},
		{"no version", targets.Config{Options: set(optVersion, "3.7")}, "one of 3.4, 3.5.0, 3.6"},
		{"a time to live", targets.Config{Options: set(optLeaseTTL, "5s")}, ""},
		{"a part of a second", targets.Config{Options: set(optLeaseTTL, "1500ms")}, "whole seconds"},
		{"a section", targets.Config{Options: set(optSection, "20ms")}, ""},
		{"no section", targets.Config{Options: set(optSection, "long")}, "want a duration"},
		{"an election", targets.Config{Options: set(optElection, "500ms")}, ""},
		{"too short an election", targets.Config{Options: set(optElection, "400ms")}, "five times"},
		{"nothing synced", targets.Config{Options: set(optNoFsync, "true")}, ""},
		{"no switch", targets.Config{Options: set(optNoFsync, "on")}, "--set unsafe_no_fsync=on"},
		{"a program", targets.Config{Options: set(optSoftware, "/opt/etcd")}, ""},
		{"a name", targets.Config{Options: set(optSoftware, "etcd")}, "absolute path"},
	} {
		_, err := Target{}.Resolve(c.cfg)
		var usage *targets.UsageError
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}

// TestPromises: one setting apart, a promise more or less.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   targets.Config
		model string
		want  bool
	}{
		{"linearizable", targets.Config{}, "linearizable", true},
		{"serializable", targets.Config{ReadLevel: readSerializable}, "linearizable", false},
		{"serializable, by any order", targets.Config{ReadLevel: readSerializable}, "serializable", true},
		{"serializable, by any order", targets.Config{ReadLevel: readSerializable}, "no-lost-writes", true},
		{"a counter", targets.Config{}, "counter", true},
		{"a counter that a member behind is asked for", targets.Config{ReadLevel: readSerializable}, "counter", false},
		{"a counter in the end", targets.Config{ReadLevel: readSerializable}, "counter-eventual", true},
		{"a member that is behind another", targets.Config{ReadLevel: readSerializable, Roams: true}, "writes-follow-reads", false},
		{"a member that is behind another, its own write", targets.Config{ReadLevel: readSerializable, Roams: true}, "read-your-writes", false},
		{"a set of keys", targets.Config{}, "set", true},
		{"a set under a lock", targets.Config{Options: map[string]string{optSets: setsLock}}, "set", false},
		{"a set under a lock, in the end", targets.Config{Options: map[string]string{optSets: setsLock}}, "set-eventual", false},
		{"a set under a lock that is checked", targets.Config{Options: map[string]string{optSets: setsFenced}}, "set", true},
		{"a lock", targets.Config{}, "mutex", false},
		{"synced, without power", targets.Config{PowerFailures: true}, "linearizable", true},
		{"nothing synced, without power", targets.Config{PowerFailures: true, Options: map[string]string{optNoFsync: "true"}}, "linearizable", false},
		{"nothing synced, without power, no write kept", targets.Config{PowerFailures: true, Options: map[string]string{optNoFsync: "true"}}, "no-lost-writes", false},
	} {
		cfg, err := Target{}.Resolve(c.cfg)
		must(t, err)
		got, said := Target{}.Promises(cfg, nil)[c.model]
		if !said || got != c.want {
			t.Errorf("%s: %s is promised: %v (said: %v), want %v", c.name, c.model, got, said, c.want)
		}
	}
}

// TestSessionsThatStay: of what only a session that asks another member can miss nothing is said to one that stays, whether members
// are killed and come back or not.
func TestSessionsThatStay(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		for _, release := range releases {
			cfg, err := Target{}.Resolve(targets.Config{ReadLevel: readSerializable, Restarts: restarts, Options: map[string]string{optVersion: release.name}})
			must(t, err)
			says := Target{}.Promises(cfg, nil)
			for _, model := range []string{"read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"} {
				if promised, said := says[model]; said {
					t.Errorf("%s, restarts %t: %s is promised: %t", release.name, restarts, model, promised)
				}
			}
		}
	}
}

// TestUnsyncedIsSilent: of servers that sync nothing and are killed nothing is said, but for
// what is never promised.
func TestUnsyncedIsSilent(t *testing.T) {
	cfg, err := Target{}.Resolve(targets.Config{ReadLevel: readSerializable, Options: map[string]string{optNoFsync: "true"}})
	must(t, err)
	says := Target{}.Promises(cfg, nil)
	if promised, said := says["no-lost-writes"]; said {
		t.Errorf("no-lost-writes is promised: %v", promised)
	}
	if promised, said := says["linearizable"]; promised || !said {
		t.Errorf("linearizable at a serializable read is promised: %v (said: %v)", promised, said)
	}
}

// TestSource: each version has its pins, and what is not Debian's series is refused.
func TestSource(t *testing.T) {
	for _, r := range releases {
		if _, err := (settings{version: r.name}).source(); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	for _, path := range []string{"/no/such", "/bin/true"} {
		cfg := targets.Config{Options: map[string]string{optSoftware: path}}
		if err := (Target{}).Fetch(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "--set software=PATH") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := isSeries("3.4.")("3.4.23"); err != nil {
		t.Error(err)
	}
	if err := isSeries("3.4.")("3.5.21"); err == nil || !strings.Contains(err.Error(), "--set software=") {
		t.Errorf("a newer one: %v", err)
	}
}

// TestLeader: of members that differ the one with the highest term is believed.
func TestLeader(t *testing.T) {
	answer := func(member, leads, term uint64) *driver.StatusResponse {
		a := &driver.StatusResponse{Leader: leads, RaftTerm: term}
		a.Header = &pb.ResponseHeader{}
		a.Header.MemberId = member
		return a
	}
	for _, c := range []struct {
		name    string
		answers []*driver.StatusResponse
		want    int
	}{
		{"all agree", []*driver.StatusResponse{answer(1, 2, 5), answer(2, 2, 5), answer(3, 2, 5)}, 1},
		{"one was cut off", []*driver.StatusResponse{answer(1, 1, 5), answer(2, 3, 6), answer(3, 3, 6)}, 2},
		{"one is down", []*driver.StatusResponse{nil, answer(2, 3, 6), answer(3, 3, 6)}, 2},
		{"the leader is down", []*driver.StatusResponse{nil, answer(2, 1, 6), answer(3, 1, 6)}, -1},
		{"nobody knows", []*driver.StatusResponse{answer(1, 0, 6), nil, nil}, -1},
	} {
		if got, err := leaderIndex(c.answers); got != c.want || (err == nil) != (c.want >= 0) {
			t.Errorf("%s: %d, %v, want %d", c.name, got, err, c.want)
		}
	}
}

// TestPage keeps docs/targets/etcd.md true: it names every option.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/targets/etcd.md")
	must(t, err)
	for _, o := range (Target{}).Info().Options {
		if !strings.Contains(string(b), "| `"+o.Name+"` |") {
			t.Errorf("the option %s is not there", o.Name)
		}
	}
}
