package consensus

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"
)

func entries(term uint64, from, to uint64) []*raftpb.Entry {
	var out []*raftpb.Entry
	for i := from; i <= to; i++ {
		out = append(out, &raftpb.Entry{Term: new(term), Index: new(i), Data: fmt.Appendf(nil, "%d@%d", i, term)})
	}
	return out
}

// What was synced before a crash is there after it: also that a later leader's entries replaced others.
func TestTheLogSurvivesACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db := openDB(t, fs)
	voters := &raftpb.ConfState{Voters: []uint64{1, 2, 3}}
	l, err := openLog(db, true, voters, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		hard    *raftpb.HardState
		entries []*raftpb.Entry
	}{
		{&raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(2))}, entries(1, 1, 9)},
		{&raftpb.HardState{Term: new(uint64(2)), Vote: new(uint64(3)), Commit: new(uint64(4))}, entries(2, 5, 6)},
	} {
		if err := l.save(s.hard, s.entries, true); err != nil {
			t.Fatal(err)
		}
	}
	crashed := openDB(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	defer crashed.Close()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openLog(crashed, true, voters, 3)
	if err != nil {
		t.Fatal(err)
	}
	hard, conf, err := again.InitialState()
	if err != nil || hard.GetTerm() != 2 || hard.GetVote() != 3 || hard.GetCommit() != 4 || len(conf.GetVoters()) != 3 {
		t.Errorf("hard state %v, voters %v, %v", hard, conf, err)
	}
	last, err := again.LastIndex()
	if err != nil || last != 6 {
		t.Fatalf("the log ends at %d, want 6: %v", last, err)
	}
	got, err := again.Entries(1, 7, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1@1", "2@1", "3@1", "4@1", "5@2", "6@2"} {
		if string(got[i].GetData()) != want {
			t.Errorf("entry %d is %s, want %s", i+1, got[i].GetData(), want)
		}
	}
	if err := again.compact(4); err != nil {
		t.Fatal(err)
	}
	compacted, err := openLog(crashed, true, voters, 6)
	if err != nil {
		t.Fatal(err)
	}
	first, err := compacted.FirstIndex()
	if err != nil || first != 5 {
		t.Errorf("the compacted log begins at %d, want 5: %v", first, err)
	}
	if term, err := compacted.Term(4); err != nil || term != 1 {
		t.Errorf("the entry before it has term %d, want 1: %v", term, err)
	}
	if hard, _, err := compacted.InitialState(); err != nil || hard.GetCommit() != 6 {
		t.Errorf("committed is %d, but 6 was applied: %v", hard.GetCommit(), err)
	}
}
