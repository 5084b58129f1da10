package formats

import (
	"strings"

	"github.com/lapse-test/lapse/history"
)

// nemesisReader turns the operations of a nemesis into events and, where their
// names pair up, into fault windows. Jepsen logs each nemesis operation twice,
// both times as :info: when it begins and when it is done. Nothing in such a
// history proves that a fault bit; what the nemesis reported is kept as proof.
type nemesisReader struct {
	faults []nemesisFault
	// begun is the operation whose second line is awaited.
	begun string
	ids   int
}

type nemesisFault struct {
	fault history.Fault
	ends  []string
}

// nemesisEnds names what ends each fault of Jepsen's own nemeses.
var nemesisEnds = map[string][]string{
	"start":           {"stop", "heal"},
	"partition":       {"heal", "stop"},
	"start-partition": {"stop-partition", "heal"},
	"kill":            {"start", "restart", "stop-kill"},
	"pause":           {"resume", "stop-pause"},
	"bump":            {"reset", "reset-clock"},
	"strobe":          {"reset", "reset-clock"},
	"bump-clock":      {"reset-clock", "reset"},
	"strobe-clock":    {"reset-clock", "reset"},
	"break":           {"heal", "fix"},
}

func faultEnds(f string) []string {
	if ends, ok := nemesisEnds[f]; ok {
		return ends
	}
	if rest, ok := strings.CutPrefix(f, "start-"); ok {
		return []string{"stop-" + rest, "heal-" + rest, "heal"}
	}
	return nil
}

func (n *nemesisReader) line(b *history.Builder, op *jepsenOp, at history.Time) {
	what := op.f
	value := ""
	if !op.value.isNil() {
		if w, ok := op.value.word(); ok {
			value = w
		} else {
			value = op.value.String()
		}
	}
	text := strings.TrimSpace(what + " " + shorten(value))
	b.AddEvent(history.Event{At: at, Kind: "nemesis", Text: text})
	second := n.begun == what
	if second {
		n.begun = ""
	} else {
		n.begun = what
	}
	ended := false
	for i := range n.faults {
		f := &n.faults[i]
		for _, e := range f.ends {
			if e != what || f.fault.Healed != 0 {
				continue
			}
			ended = true
			if !second {
				f.fault.Healing = at
				continue
			}
			f.fault.Healed = at
			f.fault.Proof = append(f.fault.Proof, "reported by the history: "+text)
		}
	}
	if ended {
		return
	}
	ends := faultEnds(what)
	if ends == nil {
		return
	}
	if second {
		for i := len(n.faults) - 1; i >= 0; i-- {
			if f := &n.faults[i].fault; f.TookEffect == 0 && f.Healed == 0 && strings.HasPrefix(f.Name, what) {
				f.TookEffect = at
				f.Proof = append(f.Proof, "reported by the history: "+text)
				return
			}
		}
	}
	n.ids++
	kind := strings.TrimPrefix(what, "start-")
	if kind == "start" {
		kind = "nemesis"
	}
	n.faults = append(n.faults, nemesisFault{
		fault: history.Fault{ID: n.ids, Kind: kind, Name: text, Injected: at},
		ends:  ends,
	})
}

func (n *nemesisReader) flush(b *history.Builder) {
	for _, f := range n.faults {
		b.AddFault(f.fault)
	}
}

func shorten(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
