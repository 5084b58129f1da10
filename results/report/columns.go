package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
)

// maxEmbedded bounds the operations that a report carries for its timeline. More
// are sampled; the figures and charts always use all.
const maxEmbedded = 120_000

// timeline is the data that the page's script draws: operations as columns of
// variable-length integers and texts, compressed.
type timeline struct {
	Shown, Total int
	Note         string
	// Meta is small and readable; Blob is base64 (URL alphabet) of gzip.
	Meta meta
	Blob string
}

type meta struct {
	Count    int          `json:"count"`
	LengthUS int64        `json:"length_us"`
	Sessions []int32      `json:"sessions"`
	Nodes    []string     `json:"nodes"`
	Faults   []metaFault  `json:"faults"`
	Phases   []metaPhase  `json:"phases"`
	Broken   []metaBroken `json:"violations"`
}

type metaFault struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	From int64  `json:"from_us"`
	To   int64  `json:"to_us"`
	Bit  bool   `json:"bit"`
}

type metaPhase struct {
	At   int64  `json:"at_us"`
	Text string `json:"text"`
}

// metaBroken is a violation: Ops index the embedded operations.
type metaBroken struct {
	Number int    `json:"number"`
	Model  string `json:"model"`
	Text   string `json:"text"`
	At     int64  `json:"at_us"`
	Ops    []int  `json:"ops"`
	// Allowed says that the configuration does not promise Model.
	Allowed bool `json:"allowed,omitempty"`
}

func micros(t history.Time) int64 { return int64(t) / 1000 }

// embed encodes the operations of h, which were chosen of a history of total that took length. What a says is about them.
func embed(h *history.History, total int, length history.Time, note string, a *verdict.Assessment) (*timeline, error) {
	verdicts := a.Verdicts
	t := &timeline{Shown: len(h.Ops), Total: total, Note: note}
	t.Meta = meta{Count: len(h.Ops), LengthUS: micros(length) + 1, Nodes: h.Header.Nodes}
	number := 0
	for i := range verdicts {
		for j := range verdicts[i].Violations {
			v := &verdicts[i].Violations[j]
			number++
			t.Meta.Broken = append(t.Meta.Broken, metaBroken{Number: number, Model: v.Model, Text: v.Sentence, At: micros(v.At), Ops: v.Ops, Allowed: a.Allows(verdicts[i])})
		}
	}
	for i := range h.Faults {
		f := &h.Faults[i]
		to := length
		if f.Healed != 0 {
			to = f.Healed
		}
		t.Meta.Faults = append(t.Meta.Faults, metaFault{f.ID, f.Name, micros(f.Injected), micros(to), f.TookEffect != 0})
	}
	for _, e := range happened(h) {
		t.Meta.Phases = append(t.Meta.Phases, metaPhase{micros(e.At), e.Text})
	}
	var err error
	t.Blob, err = encode(h, &t.Meta)
	return t, err
}

// encode writes the columns one after the other, each with its length before
// it: invocation (difference to the one before), duration plus one (0: no
// answer), session, node plus one, outcome and whether it writes, key, then the
// texts of operations and the names of keys, as JSON arrays.
func encode(h *history.History, m *meta) (string, error) {
	sessions, keys := map[int32]uint64{}, map[history.Key]uint64{}
	var columns [6][]byte
	texts := make([]string, 0, len(h.Ops))
	var names []string
	put := func(c int, v uint64) { columns[c] = binary.AppendUvarint(columns[c], v) }
	before := int64(0)
	for i := range h.Ops {
		op := &h.Ops[i]
		at := micros(op.Invoke)
		put(0, uint64(at-before))
		before = at
		if op.Complete == history.Never {
			put(1, 0)
		} else {
			put(1, uint64(micros(op.Complete)-at)+1)
		}
		s, ok := sessions[op.Session]
		if !ok {
			s = uint64(len(sessions))
			sessions[op.Session] = s
			m.Sessions = append(m.Sessions, op.Session)
		}
		put(2, s)
		put(3, uint64(op.Node+1))
		writes := uint64(0)
		mops := h.Mops(op)
		var parts []string
		for j := range mops {
			if mops[j].Func.Writes() {
				writes = 1
			}
			parts = append(parts, text.Mop(h, op, &mops[j]))
		}
		put(4, uint64(op.Outcome)|writes<<2)
		key := uint64(0)
		if len(mops) > 0 {
			if key, ok = keys[mops[0].Key]; !ok {
				key = uint64(len(names))
				keys[mops[0].Key] = key
				names = append(names, h.KeyName(mops[0].Key))
			}
		}
		put(5, key)
		text := svg.Short(strings.Join(parts, "; "), 120)
		if e := h.String(op.Error); e != "" {
			text += "  (" + svg.Short(e, 80) + ")"
		}
		texts = append(texts, text)
	}
	var raw bytes.Buffer
	for _, c := range columns {
		_ = binary.Write(&raw, binary.LittleEndian, uint32(len(c)))
		raw.Write(c)
	}
	for _, list := range [][]string{texts, names} {
		j, err := json.Marshal(list)
		if err != nil {
			return "", fmt.Errorf("encoding the timeline: %w", err)
		}
		_ = binary.Write(&raw, binary.LittleEndian, uint32(len(j)))
		raw.Write(j)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", fmt.Errorf("compressing the timeline: %w", err)
	}
	if _, err := z.Write(raw.Bytes()); err != nil {
		return "", fmt.Errorf("compressing the timeline: %w", err)
	}
	if err := z.Close(); err != nil {
		return "", fmt.Errorf("compressing the timeline: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(packed.Bytes()), nil
}

// sampler chooses at most limit operations: all if they fit, otherwise those of
// the witnesses first, then failed and unanswered ones, then successful ones,
// evenly over the run. It has to have seen all of them before it chooses.
type sampler struct {
	total, limit   int
	take           map[int]bool // that stand in a witness
	seen           int
	troubled, fine int // of the others

	everyBad, everyOK int
	seenBad, seenOK   int
}

func newSampler(o history.Ordered, verdicts []checkers.Verdict, limit int) *sampler {
	s := &sampler{total: o.Count(), limit: limit, take: map[int]bool{}}
	for i := range verdicts {
		for j := range verdicts[i].Violations {
			for _, op := range verdicts[i].Violations[j].Ops {
				s.take[op] = true
			}
		}
	}
	return s
}

// See implements figures.Meter.
func (s *sampler) See(h *history.History) {
	for i := range h.Ops {
		switch {
		case s.take[s.seen]:
		case h.Ops[i].Outcome == history.OK:
			s.fine++
		default:
			s.troubled++
		}
		s.seen++
	}
}

// sample picks the operations out of o, of which it has seen all. The note says what was left out.
func (s *sampler) sample(o history.Ordered) (h *history.History, places []int, note string, err error) {
	if s.total <= s.limit {
		h, places, err = history.Pick(o, func(int, *history.Op) bool { return true })
		return h, places, "", err
	}
	// At most half of the room goes to what did not succeed.
	s.everyBad = stride(s.troubled, s.limit/2)
	s.everyOK = stride(s.fine, max(1, s.limit-len(s.take)-(s.troubled+s.everyBad-1)/s.everyBad))
	h, places, err = history.Pick(o, s.wants)
	bad := "all fail and info operations"
	if s.everyBad > 1 {
		bad = fmt.Sprintf("every %s of the fail and info operations", ordinal(s.everyBad))
	}
	return h, places, fmt.Sprintf("The timeline shows a sample, %s of %s operations: all that stand in a witness, %s, and every %s of the ok ones. Figures and charts use all.",
		text.Count(len(places)), text.Count(s.total), bad, ordinal(s.everyOK)), err
}

// wants is asked of each operation in order.
func (s *sampler) wants(i int, op *history.Op) bool {
	switch {
	case s.take[i]:
		return true
	case op.Outcome == history.OK:
		s.seenOK++
		return (s.seenOK-1)%s.everyOK == 0
	default:
		s.seenBad++
		return (s.seenBad-1)%s.everyBad == 0
	}
}

func stride(n, room int) int {
	if n <= room || room <= 0 {
		return 1
	}
	return (n + room - 1) / room
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
