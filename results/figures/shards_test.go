package figures_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/text"
)

// TestShards: three operations of four on the keys of n2, one of them failed, one
// slow; what came after the load does not count.
func TestShards(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	ms := history.Time(time.Millisecond)
	b.AddEvent(history.Event{At: 0, Kind: history.EventPhase, Text: "load"})
	for key, node := range []string{"n1", "n2", "n2"} {
		b.AddEvent(history.Event{At: 900 * ms, Kind: history.EventPlacement, Text: fmt.Sprintf(`{"key":%d,"nodes":[%q,"n9"]}`, key, node)})
	}
	b.AddEvent(history.Event{At: 1000 * ms, Kind: history.EventPhase, Text: "settle"})
	for i, o := range []struct {
		key     history.Key
		at      history.Time
		took    history.Time
		f       history.Func
		outcome history.Outcome
	}{
		{0, 10, 1, history.Write, history.OK},
		{1, 20, 8, history.Write, history.OK},
		{2, 30, 2, history.Read, history.OK},
		{1, 40, 1, history.Write, history.Fail},
		{1, 1100, 1, history.Write, history.OK},
		{7, 50, 1, history.Write, history.OK}, // nobody knows where
	} {
		m := history.Mop{Func: o.f, Key: o.key, Arg: history.Value(i + 1)}
		if o.f == history.Read {
			m = history.Mop{Func: o.f, Key: o.key, Ret: history.Absent, Flags: history.Observed}
		}
		b.AddPlain(history.Op{Process: int32(i), Session: int32(i), Invoke: o.at * ms, Complete: (o.at + o.took) * ms, Outcome: o.outcome, Error: -1, Note: -1, Node: -1}, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	s, err := figures.Shards(h)
	if err != nil {
		t.Fatal(err)
	}
	if len(s) != 2 || s[0].Node != "n2" || s[0].Keys != 2 || s[0].Share != 0.75 || s[0].OKPerSecond != 2 || s[1].Share != 0.25 {
		t.Fatalf("%+v", s)
	}
	if s[0].WriteP99 < 7.9 || s[0].WriteP99 > 8.1 || s[0].ReadP50 < 1.9 || s[0].ReadP50 > 2.1 {
		t.Errorf("%+v", s[0])
	}
	var out strings.Builder
	text.PrintShards(&out, s)
	if !strings.Contains(out.String(), "75 % of the load") || strings.Count(out.String(), "\n") != 2 {
		t.Error(out.String())
	}
	h.Events = nil
	if s, err := figures.Shards(h); s != nil || err != nil {
		t.Error("a history that does not tell where keys are has shards")
	}
}
