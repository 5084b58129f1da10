package coordinator

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

// A write reaches one of three replicas and hangs. A first reader sees it, a second one asks the two others. Only
// blocking repair keeps the second from going back to the old value. What a repair sends is slow in every
// configuration: the blocking one waits for it, the others have answered by then.
func TestHalfDoneWriteIsReadNewThenOldWithoutBlockingRepair(t *testing.T) {
	for _, tc := range []struct {
		name   string
		repair ReadRepair
		defect string
		second string
	}{
		{"off", RepairOff, "", "old"},
		{"async", RepairAsync, "", "old"},
		{"blocking", RepairBlocking, "", "new"},
		{"blocking, but skipped", RepairBlocking, "skip-write-back", "old"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			net := start(t, config{repair: tc.repair})
			if tc.defect != "" {
				if err := net.nodes["n3"].defects.Replace([]string{tc.defect}); err != nil {
					t.Fatal(err)
				}
			}
			net.mustPut(t, "n1", "k", "old", "ALL")

			repairs := make(chan struct{}) // closed when what n3 sends to repair may arrive
			net.set(func(ctx context.Context, m message) (bool, error) {
				switch {
				case m.kind == kindApply && m.from == "n1" && m.to != "n1":
					return lost(ctx)
				case m.kind == kindApply && m.from == "n3":
					<-repairs
				case m.kind == kindRead && (m.from == "n3" && m.to == "n2" || m.from == "n2" && m.to == "n1"):
					return lost(ctx)
				}
				return false, nil
			})
			writer := make(chan struct{})
			ctx, giveUp := context.WithCancel(t.Context())
			go func() {
				defer close(writer)
				req := WriteRequest{Key: "k", Value: []byte("new"), W: level(t, "QUORUM")}
				_, err := net.nodes["n1"].coord.Write(ctx, req)
				if e := asError(t, err); e == nil || e.Outcome != engine.PerhapsWritten || e.Code != engine.CodeCanceled {
					t.Errorf("the half-done write: %v", err)
				}
			}()
			eventually(t, "n1 holds the new value", func() bool { return net.holds(t, "n1", "k") == "new" })

			first := make(chan string, 1)
			go func() {
				v, err := net.get(t, "n3", "k", "QUORUM") // asks n1 and n3
				if err != nil {
					t.Error(err)
				}
				first <- v
			}()
			if tc.second == "new" {
				// The first read must wait for its repair; let it through and wait for the answer.
				close(repairs)
			}
			if v := <-first; v != "new" {
				t.Fatalf("the first read returned %q", v)
			}
			net.wantGet(t, "n2", "k", "QUORUM", tc.second) // asks n2 and n3
			if tc.second == "old" {
				close(repairs)
			}
			giveUp()
			<-writer
		})
	}
}

// Write ALL, read ONE: one replica's answer may be returned only when all replicas hold it.
func TestReadOneAfterHalfDoneWriteAtAll(t *testing.T) {
	net := start(t, config{})
	net.mustPut(t, "n1", "k", "old", "ALL")
	net.set(func(_ context.Context, m message) (bool, error) {
		if m.kind == kindApply && m.to != "n1" {
			return false, errRefused
		}
		return false, nil
	})
	if _, err := net.put(t, "n1", "k", "new", "ALL"); err == nil || err.Outcome != engine.PerhapsWritten {
		t.Fatalf("half-done write: %v", err)
	}
	// n1 answers "new" first, but cannot tell the others: the read must not return it.
	if v, err := net.get(t, "n1", "k", "ONE"); err == nil && v == "new" {
		net.set(isolate("n1"))
		net.wantGet(t, "n2", "k", "ONE", "new")
	}
	net.heal(t)
	for _, via := range []string{"n1", "n2", "n3"} {
		net.wantGet(t, via, "k", "ALL", "new")
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		// QUORUM read at N=3, R=3 leaves a majority; the rest follows in the background.
		eventually(t, name+" is repaired", func() bool { return net.holds(t, name, "k") == "new" })
	}
}

// With one replica unreachable a blocking read at ONE cannot know that all hold what it found.
func TestBlockingReadOneNeedsAllUnlessWSaysOtherwise(t *testing.T) {
	net := start(t, config{})
	net.mustPut(t, "n1", "k", "v", "ALL")
	net.set(isolate("n3"))
	if _, err := net.get(t, "n1", "k", "ONE"); err == nil || err.Code != engine.CodeUnavailable || err.Needed != 3 || err.Outcome != "" {
		t.Fatalf("read at ONE with a replica down: %+v", err)
	}
	res, err := net.nodes["n1"].coord.Read(t.Context(), ReadRequest{Key: "k", R: level(t, "ONE"), W: level(t, "QUORUM")})
	if err != nil || string(res.Record.Value) != "v" {
		t.Fatalf("read at ONE of a key written at QUORUM: %v, %v", res, err)
	}
}

// W+R > N sees the last acknowledged write from every coordinator, for every pair, whoever is cut off when it can be.
func TestEveryPairSeesTheLastAcknowledgedWrite(t *testing.T) {
	levels := []string{"1", "2", "3"}
	for _, stamps := range []Timestamps{FromQuorum, FromCoordinator} {
		for _, repair := range []ReadRepair{RepairOff, RepairAsync, RepairBlocking} {
			net := start(t, config{repair: repair, stamps: stamps, maxSkew: time.Second})
			for w := 1; w <= 3; w++ {
				for r := 4 - w; r <= 3; r++ {
					for i, via := range []string{"n1", "n2", "n3"} {
						value := string(rune('a' + 9*w + 3*r + i))
						net.mustPut(t, via, "k", value, levels[w-1])
						for _, reader := range []string{"n1", "n2", "n3"} {
							net.wantGet(t, reader, "k", levels[r-1], value)
						}
					}
				}
			}
		}
	}
}

// A clock that is ahead: with timestamps from the coordinator an acknowledged write loses to an older one, with
// timestamps from a quorum it does not.
func TestSkewedClockLosesAcknowledgedWrites(t *testing.T) {
	for _, tc := range []struct {
		name    string
		stamps  Timestamps
		maxSkew time.Duration
		offset  time.Duration
		defect  string
		want    string
	}{
		{"coordinator timestamps", FromCoordinator, 500 * time.Millisecond, 30 * time.Second, "", "first"},
		{"coordinator timestamps, skew within bounds", FromCoordinator, time.Hour, 30 * time.Second, "", "second"},
		{"quorum timestamps", FromQuorum, 500 * time.Millisecond, 30 * time.Second, "", "second"},
		{"quorum timestamps, but skipped", FromQuorum, 500 * time.Millisecond, 30 * time.Second, "skip-timestamp-read", "first"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			net := start(t, config{stamps: tc.stamps, maxSkew: tc.maxSkew})
			if tc.defect != "" {
				if err := net.nodes["n3"].defects.Replace([]string{tc.defect}); err != nil {
					t.Fatal(err)
				}
			}
			if err := net.nodes["n1"].clock.SetOffset(tc.offset); err != nil {
				t.Fatal(err)
			}
			first := net.mustPut(t, "n1", "k", "first", "ALL")
			second := net.mustPut(t, "n3", "k", "second", "ALL")
			if newer := second.Version.Compare(first.Version) > 0; newer != (tc.want == "second") {
				t.Errorf("versions: first %v, second %v", first.Version, second.Version)
			}
			for _, via := range []string{"n1", "n2", "n3"} {
				net.wantGet(t, via, "k", "ALL", tc.want)
			}
		})
	}
}

// What a blocking read returned is respected by the timestamp of the next write, at every pair of levels and however
// far ahead the clock was that stamped it.
func TestWriteAfterReadOfHalfDoneWriteFromTheFuture(t *testing.T) {
	for _, tc := range []struct{ w, r string }{{"2", "2"}, {"3", "1"}, {"3", "2"}, {"1", "3"}, {"2", "3"}, {"3", "3"}} {
		t.Run("W"+tc.w+"R"+tc.r, func(t *testing.T) {
			net := start(t, config{})
			if err := net.nodes["n1"].clock.SetOffset(time.Hour); err != nil {
				t.Fatal(err)
			}
			net.set(func(_ context.Context, m message) (bool, error) {
				if m.kind == kindApply && m.to != "n1" {
					return false, errRefused
				}
				return false, nil
			})
			// Half-done unless W=1, and far in the future.
			if _, err := net.put(t, "n1", "k", "future", tc.w); err != nil && err.Outcome != engine.PerhapsWritten {
				t.Fatal(err)
			}
			net.heal(t)
			net.wantGet(t, "n1", "k", "ALL", "future")
			// The timestamp read of the next write must not need n1.
			res, err := net.put(t, "n3", "k", "now", tc.w)
			if err != nil {
				t.Fatal(err)
			}
			for _, via := range []string{"n1", "n2", "n3"} {
				net.wantGet(t, via, "k", tc.r, "now")
			}
			if got, err := net.nodes["n1"].local().Version("k"); err != nil || got.Compare(res.Version) < 0 && tc.w == "3" {
				t.Fatalf("n1 holds %v, acknowledged was %v (%v)", got, res.Version, err)
			}
		})
	}
}

func TestDeletedStaysDeleted(t *testing.T) {
	for _, broken := range []bool{false, true} {
		net := start(t, config{})
		if broken {
			for _, n := range net.nodes {
				if err := n.defects.Replace([]string{"forget-tombstones"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		net.mustPut(t, "n1", "k", "v", "ALL")
		net.set(isolate("n3"))
		if _, err := net.delete(t, "n1", "k", "QUORUM"); err != nil {
			t.Fatal(err)
		}
		net.heal(t)
		want := ""
		if broken {
			want = "v" // n3 brings it back
		}
		net.wantGet(t, "n3", "k", "ALL", want)
		if !broken {
			res, err := net.nodes["n2"].coord.Read(t.Context(), ReadRequest{Key: "k", R: level(t, "ALL")})
			if err != nil || !res.Record.Tombstone {
				t.Fatalf("the tombstone is not what readers find: %+v, %v", res.Record, err)
			}
		}
	}
}

func TestStaleRingLooksElsewhere(t *testing.T) {
	net := start(t, config{nodes: 5, replication: 1})
	net.mustPut(t, "n1", "k", "v", "ALL")
	if err := net.nodes["n2"].defects.Replace([]string{"stale-ring"}); err != nil {
		t.Fatal(err)
	}
	net.mustPut(t, "n2", "k", "misplaced", "ALL")
	net.wantGet(t, "n1", "k", "ALL", "v")
	net.wantGet(t, "n2", "k", "ALL", "misplaced")
}
