package coordinator

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/replica"
)

// Every way in which a write can fail, and whether it may have been written.
func TestOutcomeOfFailedWrites(t *testing.T) {
	noAnswer := func(kinds ...kind) fate {
		return func(ctx context.Context, m message) (bool, error) {
			if m.from != m.to && slices.Contains(kinds, m.kind) {
				return lost(ctx)
			}
			return false, nil
		}
	}
	refuse := func(k kind, self bool) fate {
		return func(_ context.Context, m message) (bool, error) {
			if m.kind == k && (self || m.from != m.to) {
				return false, errRefused
			}
			return false, nil
		}
	}
	broken := func(after bool) fate {
		return func(_ context.Context, m message) (bool, error) {
			if m.kind == kindApply {
				return after, errors.New("connection lost")
			}
			return false, nil
		}
	}
	for _, tc := range []struct {
		name    string
		stamps  Timestamps
		hints   bool
		w       string
		fate    fate
		outcome engine.Outcome
		code    engine.Code
	}{
		{"peers unreachable", FromCoordinator, true, "2", refuse(kindReady, false), engine.NotWritten, engine.CodeUnavailable},
		{"all replicas refuse", FromCoordinator, false, "2", refuse(kindApply, true), engine.NotWritten, engine.CodeUnavailable},
		{"all replicas refuse, but hints will reach them", FromCoordinator, true, "2", refuse(kindApply, true), engine.PerhapsWritten, engine.CodeUnavailable},
		{"one replica has it, two refuse", FromCoordinator, false, "2", refuse(kindApply, false), engine.PerhapsWritten, engine.CodeUnavailable},
		{"one replica has it, two are silent", FromCoordinator, false, "2", noAnswer(kindApply), engine.PerhapsWritten, engine.CodeTimeout},
		{"ALL, one of three is silent", FromCoordinator, false, "ALL", func(ctx context.Context, m message) (bool, error) {
			if m.kind == kindApply && m.to == "n3" {
				return lost(ctx)
			}
			return false, nil
		}, engine.PerhapsWritten, engine.CodeTimeout},
		{"all connections lost, nothing arrived", FromCoordinator, false, "1", broken(false), engine.PerhapsWritten, engine.CodeUnavailable},
		{"all connections lost, everything arrived", FromCoordinator, false, "1", broken(true), engine.PerhapsWritten, engine.CodeUnavailable},
		{"timestamp read unanswered", FromQuorum, true, "2", noAnswer(kindVersion), engine.NotWritten, engine.CodeTimeout},
		{"timestamp read refused", FromQuorum, true, "2", refuse(kindVersion, false), engine.NotWritten, engine.CodeUnavailable},
		{"timestamp read answered, write unanswered", FromQuorum, true, "2", noAnswer(kindApply), engine.PerhapsWritten, engine.CodeTimeout},
		{"W=1 with quorum timestamps, a peer unreachable", FromQuorum, true, "1", func(_ context.Context, m message) (bool, error) {
			if m.to == "n3" {
				return false, errRefused
			}
			return false, nil
		}, engine.NotWritten, engine.CodeUnavailable},
		{"level too high", FromQuorum, true, "4", nil, engine.NotWritten, engine.CodeBadLevel},
	} {
		t.Run(tc.name, func(t *testing.T) {
			net := start(t, config{stamps: tc.stamps, hints: tc.hints, peerTimeout: 50 * time.Millisecond, requestTimeout: 200 * time.Millisecond})
			net.set(tc.fate)
			_, err := net.put(t, "n1", "k", "v", tc.w)
			if err == nil {
				t.Fatal("acknowledged")
			}
			if err.Outcome != tc.outcome || err.Code != tc.code {
				t.Fatalf("outcome %s, code %s; want %s, %s: %v %v", err.Outcome, err.Code, tc.outcome, tc.code, err, err.Failed)
			}
			if tc.outcome == engine.NotWritten {
				net.heal(t)
				for name, n := range net.nodes {
					if net.holds(t, name, "k") != "" || len(n.coord.Hinted()) > 0 {
						t.Fatalf("%s has it or hints %v, but it is not written", name, n.coord.Hinted())
					}
				}
			}
			if err := net.nodes["n1"].defects.Replace([]string{"deny-partial-writes"}); err != nil {
				t.Fatal(err)
			}
			net.set(tc.fate)
			if _, err := net.put(t, "n1", "k2", "v", tc.w); err == nil || err.Outcome != engine.NotWritten {
				t.Fatalf("with deny-partial-writes: %v", err)
			}
		})
	}
}

// A coordinator that is no replica of the key has nothing to fall back to.
func TestCoordinatorThatIsNoReplica(t *testing.T) {
	net := start(t, config{nodes: 5})
	var outsider string
	replicas := net.nodes["n1"].coord.Replicas("k")
	for name := range net.nodes {
		if !slices.Contains(replicas, name) {
			outsider = name
		}
	}
	res := net.mustPut(t, outsider, "k", "v", "ALL")
	slices.Sort(res.Acked)
	slices.Sort(replicas)
	if !slices.Equal(res.Acked, replicas) || res.Version.Node != outsider {
		t.Fatalf("acknowledged by %v with %v; replicas are %v", res.Acked, res.Version, replicas)
	}
	if net.holds(t, outsider, "k") != "" {
		t.Fatal("a node that is no replica keeps the value")
	}
	net.set(isolate(outsider))
	if _, err := net.put(t, outsider, "k", "w", "ONE"); err == nil || err.Outcome != engine.NotWritten {
		t.Fatalf("cut off: %v", err)
	}
}

func TestFailedReads(t *testing.T) {
	net := start(t, config{peerTimeout: 50 * time.Millisecond, requestTimeout: 200 * time.Millisecond})
	net.mustPut(t, "n1", "k", "v", "ALL")
	for _, tc := range []struct {
		name, r string
		fate    fate
		code    engine.Code
	}{
		{"unreachable", "QUORUM", isolate("n1"), engine.CodeUnavailable},
		{"silent", "ALL", func(ctx context.Context, m message) (bool, error) {
			if m.kind == kindRead && m.to == "n2" {
				return lost(ctx)
			}
			return false, nil
		}, engine.CodeTimeout},
		{"level too high", "4", nil, engine.CodeBadLevel},
	} {
		net.set(tc.fate)
		_, err := net.get(t, "n1", "k", tc.r)
		if err == nil || err.Code != tc.code || err.Outcome != "" {
			t.Errorf("%s: %+v", tc.name, err)
		}
	}
	net.set(func(ctx context.Context, m message) (bool, error) {
		if m.kind == kindRead {
			return lost(ctx)
		}
		return false, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := net.nodes["n1"].coord.Read(ctx, ReadRequest{Key: "k", R: level(t, "ONE")})
	if e := asError(t, err); e == nil || e.Code != engine.CodeCanceled {
		t.Errorf("canceled: %v", err)
	}
}

func TestHintsBringAReplicaUpToDate(t *testing.T) {
	net := start(t, config{repair: RepairOff, hints: true})
	net.set(isolate("n3"))
	net.mustPut(t, "n1", "a", "1", "QUORUM")
	net.mustPut(t, "n1", "a", "2", "QUORUM")
	net.mustPut(t, "n2", "b", "1", "QUORUM")
	if _, err := net.delete(t, "n1", "c", "QUORUM"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "hints are stored", func() bool {
		return net.nodes["n1"].coord.Hinted()["n3"] == 2 && net.nodes["n2"].coord.Hinted()["n3"] == 1
	})
	net.heal(t)
	net.nodes["n1"].coord.PeerUp("n3")
	eventually(t, "n3 has what it missed", func() bool {
		return net.holds(t, "n3", "a") == "2" && net.holds(t, "n3", "b") == "1" &&
			len(net.nodes["n1"].coord.Hinted()) == 0 && len(net.nodes["n2"].coord.Hinted()) == 0
	})
	if v, err := net.nodes["n3"].local().Version("c"); err != nil || v.IsZero() {
		t.Fatalf("the delete did not arrive: %v, %v", v, err)
	}
}

func TestDroppedHintsNeverArrive(t *testing.T) {
	net := start(t, config{repair: RepairOff, hints: true})
	if err := net.nodes["n1"].defects.Replace([]string{"drop-hints"}); err != nil {
		t.Fatal(err)
	}
	net.set(isolate("n3"))
	net.mustPut(t, "n1", "dropped", "1", "QUORUM")
	net.mustPut(t, "n2", "kept", "1", "QUORUM")
	net.heal(t)
	eventually(t, "the good node's hint arrives", func() bool { return net.holds(t, "n3", "kept") == "1" })
	if net.holds(t, "n3", "dropped") != "" || net.nodes["n1"].coord.Hinted()["n3"] != 0 {
		t.Fatal("a dropped hint arrived")
	}
}

// A late hint must not undo what was written since; with ignore-newer-timestamps it does.
func TestLateHint(t *testing.T) {
	for _, tc := range []struct{ defect, want string }{{"", "2"}, {"ignore-newer-timestamps", "1"}} {
		net := start(t, config{repair: RepairOff, hints: true})
		if tc.defect != "" {
			if err := net.nodes["n3"].defects.Replace([]string{tc.defect}); err != nil {
				t.Fatal(err)
			}
		}
		net.set(isolate("n3"))
		net.mustPut(t, "n1", "k", "1", "QUORUM")
		eventually(t, "the hint is stored", func() bool { return net.nodes["n1"].coord.Hinted()["n3"] == 1 })
		net.settle(t)
		net.set(cut("n1", "n3"))
		net.mustPut(t, "n2", "k", "2", "QUORUM")
		eventually(t, "n3 has the newer value", func() bool { return net.holds(t, "n3", "k") == "2" })
		net.heal(t)
		eventually(t, "the hint is delivered", func() bool { return len(net.nodes["n1"].coord.Hinted()) == 0 })
		if got := net.holds(t, "n3", "k"); got != tc.want {
			t.Fatalf("defect %q: n3 holds %q, want %q", tc.defect, got, tc.want)
		}
	}
}

func TestCountedHintsMakeASloppyQuorum(t *testing.T) {
	net := start(t, config{stamps: FromCoordinator, hints: true})
	net.set(isolate("n1"))
	if _, err := net.put(t, "n1", "k", "v", "QUORUM"); err == nil {
		t.Fatal("a strict quorum was reached alone")
	}
	if err := net.nodes["n1"].defects.Replace([]string{"count-hints"}); err != nil {
		t.Fatal(err)
	}
	net.mustPut(t, "n1", "k", "v", "QUORUM")
	net.wantGet(t, "n2", "k", "QUORUM", "") // an acknowledged write is missed
}

func TestAckBeforeQuorum(t *testing.T) {
	net := start(t, config{})
	if err := net.nodes["n1"].defects.Replace([]string{"ack-before-quorum"}); err != nil {
		t.Fatal(err)
	}
	net.set(isolate("n1"))
	net.mustPut(t, "n1", "k", "v", "ALL")
	net.wantGet(t, "n2", "k", "QUORUM", "")
}

func TestReadOneDefect(t *testing.T) {
	net := start(t, config{})
	net.set(isolate("n3"))
	net.mustPut(t, "n1", "k", "v", "QUORUM")
	if _, err := net.get(t, "n3", "k", "QUORUM"); err == nil {
		t.Fatal("a quorum read was answered alone")
	}
	if err := net.nodes["n3"].defects.Replace([]string{"read-one"}); err != nil {
		t.Fatal(err)
	}
	net.wantGet(t, "n3", "k", "QUORUM", "")
}

func TestStaleCache(t *testing.T) {
	net := start(t, config{})
	if err := net.nodes["n2"].defects.Replace([]string{"stale-cache"}); err != nil {
		t.Fatal(err)
	}
	net.mustPut(t, "n1", "k", "1", "ALL")
	net.wantGet(t, "n2", "k", "ALL", "1")
	net.mustPut(t, "n1", "k", "2", "ALL")
	net.wantGet(t, "n1", "k", "ALL", "2")
	net.wantGet(t, "n2", "k", "ALL", "1")
	if err := net.nodes["n2"].defects.Replace(nil); err != nil {
		t.Fatal(err)
	}
	net.wantGet(t, "n2", "k", "ALL", "2")
}

// Asynchronous repair heals whom a read finds behind.
func TestAsyncRepair(t *testing.T) {
	for _, tc := range []struct {
		repair ReadRepair
		heals  bool
	}{{RepairAsync, true}, {RepairOff, false}} {
		net := start(t, config{repair: tc.repair})
		net.set(isolate("n3"))
		net.mustPut(t, "n1", "k", "v", "QUORUM")
		net.heal(t)
		net.wantGet(t, "n1", "k", "ALL", "v")
		if tc.heals {
			eventually(t, "n3 is repaired", func() bool { return net.holds(t, "n3", "k") == "v" })
		}
		net.settle(t)
		if got := net.holds(t, "n3", "k") == "v"; got != tc.heals {
			t.Fatalf("repair %s: repaired = %v", tc.repair, got)
		}
	}
}

func TestClosedCoordinatorSendsNothing(t *testing.T) {
	net := start(t, config{stamps: FromCoordinator})
	c := net.nodes["n1"].coord
	c.Close()
	_, err := c.Write(t.Context(), WriteRequest{Key: "k", Value: []byte("v"), W: level(t, "ONE")})
	if e := asError(t, err); e == nil || e.Outcome != engine.NotWritten {
		t.Fatalf("after Close: %v", err)
	}
	if !errors.Is(errRefused, replica.ErrNotApplied) {
		t.Fatal("the test's refusals do not look like a transport's")
	}
}
