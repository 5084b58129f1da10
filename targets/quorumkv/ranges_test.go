package quorumkv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/targettest"
)

// Ranges of real nodes are changed by keys as they are stored, which those of a tenant are too; what is so already is no error; and what cannot be said or done is told.
func TestRanges(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	_, sys, _ := targettest.Deploy(ctx, t, New(), sandbox.Provider{}, targets.Config{Nodes: 4,
		Options: map[string]string{optPartitioner: "range", optSplitPoints: noSplits, optReplication: "2"}}, logName)
	s, ok := sys.(*rangedSystem)
	if !ok {
		t.Fatalf("it is a %T, whose ranges do not change", sys)
	}
	for i := range 10 {
		_, err := s.admin["n1"].As("acme").Put(ctx, fmt.Sprint("k", i), []byte("v"), "ALL")
		targettest.Must(t, err)
	}
	expect := func(when string, want ...ability.KeyRange) {
		t.Helper()
		got, err := s.Ranges(ctx)
		for i := range got {
			got[i].Middle = "" // of which is told below
		}
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: %+v, %v, want %+v", when, got, err, want)
		}
	}
	all, err := s.Ranges(ctx)
	targettest.Must(t, err)
	if len(all) != 1 || !strings.HasPrefix(all[0].Middle, "acme\x1fk") {
		t.Fatalf("at first: %+v, want one with a key of the tenant in its middle", all)
	}
	middle, keys := "acme\x1fk5", all[0].Keys // those that the start left come after the tenant's
	after := keys - 5
	gave := fmt.Sprintf("%d of the %d replicas of %d keys moved (%s)", after, 2*keys, keys, share.Text(float64(after)/float64(2*keys), share.Figure))
	for _, c := range []struct {
		what  string
		do    func() (string, error)
		moved string
		want  []ability.KeyRange
	}{
		{"split", func() (string, error) { return s.SplitRange(ctx, middle) }, "", []ability.KeyRange{{Keys: 5, Nodes: []string{"n1", "n2"}}, {From: middle, Keys: after, Nodes: []string{"n1", "n2"}}}},
		{"move", func() (string, error) { return s.MoveRange(ctx, middle, "n1", "n3") }, gave,
			[]ability.KeyRange{{Keys: 5, Nodes: []string{"n1", "n2"}}, {From: middle, Keys: after, Nodes: []string{"n3", "n2"}}}},
		{"merge", func() (string, error) { return s.MergeRanges(ctx, middle) }, gave, []ability.KeyRange{{Keys: keys, Nodes: []string{"n1", "n2"}}}},
	} {
		for range 2 { // the second time it is so already, and what moved is that of the last change
			if moved, err := c.do(); err != nil || moved != c.moved {
				t.Errorf("%s: %q, %v, want %q", c.what, moved, err, c.moved)
			}
			expect(c.what, c.want...)
		}
	}
	short, end := context.WithTimeout(ctx, 2*time.Second)
	defer end()
	if _, err := s.MoveRange(short, middle, "n1", "n9"); err == nil || !strings.Contains(err.Error(), `"n9" is no member`) {
		t.Errorf("to nowhere: %v", err)
	}
	// One that is down says nothing of its ranges; one that was taken out is not asked.
	i := slices.Index(s.nodes, "n4")
	targettest.Must(t, s.Nodes[i].Kill(ctx))
	if got, err := s.Ranges(ctx); err == nil || !strings.Contains(err.Error(), "n4: ") {
		t.Errorf("while n4 is down: %+v, %v", got, err)
	}
	targettest.Must(t, s.Restart(ctx, "n4"))
	targettest.Must(t, s.RemoveMember(ctx, "n4"))
	expect("without n4", ability.KeyRange{Keys: keys, Nodes: []string{"n1", "n2"}})
}
