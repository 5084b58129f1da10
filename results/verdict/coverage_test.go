package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
)

// TestCoverage: what outlasted the detection is counted among the faults that can be
// found out, and it is said when nothing did.
func TestCoverage(t *testing.T) {
	const event = `{"detection":{"after_ns":5000000000,"by":"a test's timeout of 5s"},"noticed":["partition"]}`
	fault := func(kind string, lasted time.Duration) history.Fault {
		return history.Fault{Kind: kind, Injected: 1e9, TookEffect: 1e9, Healing: history.Time(1e9 + lasted), Healed: history.Time(2e9 + lasted)}
	}
	cutOff := func(lasted time.Duration) history.Fault { // healed as soon as it is seen to take effect
		return history.Fault{Kind: "partition", Injected: 1e9, TookEffect: history.Time(1e9+lasted) - 36_600, Healing: history.Time(1e9 + lasted), Healed: history.Time(2e9 + lasted)}
	}
	limit := func(met int) history.Fault {
		return history.Fault{Kind: "limit", TookEffect: 1e9, Healing: 2e9, Healed: 3e9, Met: &met}
	}
	for _, c := range []struct {
		name   string
		event  string
		faults []history.Fault
		says   string
		short  bool
	}{
		{name: "one outlasts it", event: event, faults: []history.Fault{fault("partition", 6*time.Second), fault("partition", time.Second)}, says: "1 of 2 faults outlasted"},
		{name: "none does", event: event, faults: []history.Fault{fault("partition", 5*time.Second)}, says: "no fault was seen to outlast the database's failure detection (a test's timeout of 5s: about 5 s), the longest lasted 5 s at most: what it does once it has found out was not tested; use --fault-hold 8s, or a longer --duration", short: true},
		{name: "it is cut off as soon as it is seen to take effect", event: event, faults: []history.Fault{cutOff(700 * time.Millisecond)}, says: "no fault was seen to outlast the database's failure detection (a test's timeout of 5s: about 5 s), the longest lasted 700 ms at most: what", short: true},
		{name: "it may have outlasted it, and was not seen to", event: event, faults: []history.Fault{cutOff(6 * time.Second)}, says: "no fault was seen to outlast the database's failure detection (a test's timeout of 5s: about 5 s), the longest lasted 6 s at most: what", short: true},
		{name: "a clock is not found out", event: event, faults: []history.Fault{fault("clock", time.Minute)}},
		{name: "it took no effect", event: event, faults: []history.Fault{{Kind: "partition", Healing: 9e9}}},
		{name: "nothing is detected", event: `{"noticed":["partition"]}`, faults: []history.Fault{fault("partition", time.Minute)}},
		{name: "how long it takes is not known", event: `{"detection":{"after_ns":0,"by":"a program does not say"},"noticed":["partition"]}`, faults: []history.Fault{fault("partition", time.Minute)},
			says: "how long the database's failure detection takes is not known (a program does not say), nor how many of 1 fault outlasted it; say how long with --detection"},
		{name: "not known, and a clock is not found out", event: `{"detection":{"after_ns":0,"by":"a program does not say"},"noticed":["partition"]}`, faults: []history.Fault{fault("clock", time.Minute)}},
		{name: "nobody ran into a limit", event: event, faults: []history.Fault{limit(0), limit(0)}, says: "nobody was seen to run into 2 limits on open files, memory, processors or space on the disk: ", short: true},
		{name: "somebody ran into one", event: event, faults: []history.Fault{limit(0), limit(7)}, says: "somebody ran into 1 of 2 limits on open files, memory, processors or space on the disk"},
		{name: "a limit that took no effect", event: event, faults: []history.Fault{{Kind: "limit", Healing: 2e9, Met: new(int)}}},
		{name: "a preset left something out", event: `{"preset":"thorough","left_out":[{"what":"clock","why":"it has none"},{"what":"kill","why":"one node"},{"what":"lag","why":"it has none"}]}`, says: `the faults "thorough" left out clock, lag (it has none); kill (one node)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &history.History{Faults: c.faults, Events: []history.Event{{Kind: history.EventPhase, Text: "load"}, {Kind: history.EventCoverage, Text: c.event}}}
			got := CoverageOf(h)
			says := strings.Join(got.Says(), "\n")
			if (c.says == "") != (says == "") || !strings.HasPrefix(says, c.says) || got.Short() != c.short {
				t.Errorf("says %q (short: %v), want %q (%v)", says, got.Short(), c.says, c.short)
			}
		})
	}
	if got := CoverageOf(&history.History{}); got != nil || got.Says() != nil || got.Short() {
		t.Errorf("a history that says nothing: %+v", got)
	}
}
