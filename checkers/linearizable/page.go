package linearizable

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

const (
	// pageOps bounds the operations that a page shows: beyond some hundreds
	// nobody finds anything, and pages grow to gigabytes.
	pageOps = 400
	// pageAround is the time before and after the witness that a page shows.
	pageAround = 2 * time.Second
	// pageLimit bounds Porcupine's search for one page.
	pageLimit = 5 * time.Second
)

// PorcupinePage writes Porcupine's own interactive page (HTML, self-contained)
// of violation v of h: the witness with what happened around it on the same key,
// at most 400 operations, and the fault windows. The operations of v must be
// register operations of one key. If Porcupine cannot decide the surroundings in
// a few seconds, or they look legal, the page shows the witness alone; a search
// that ran out of time is never drawn. An error is about the picture only and
// says nothing about the violation.
func PorcupinePage(ctx context.Context, h *history.History, v checkers.Violation, w io.Writer) error {
	if len(v.Ops) == 0 {
		return errors.New("drawing a violation without operations")
	}
	key := h.Mop(&h.Ops[v.Ops[0]]).Key
	for _, o := range v.Ops {
		if m := h.Mops(&h.Ops[o]); len(m) != 1 || m[0].Key != key {
			return fmt.Errorf("drawing a violation of %s with Porcupine: its operations are not all plain ones on one key", v.Model)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	for _, ops := range [][]int{surroundings(h, key, v.Ops), v.Ops} {
		var k register.Key
		register.LoadOps(h, ops, &k)
		sub := newShrinker(h, &k, func() bool { return ctx.Err() != nil }).close(everything(&k))
		if !holds(&k, sub, v.Ops) {
			// Some witness operation would be dropped: show them as they are.
			sub = subset{pos: everything(&k)}
		}
		done, err := draw(ctx, h, &k, sub, w)
		if done || err != nil {
			return err
		}
	}
	return errors.New("drawing: Porcupine could not refute the witness in time")
}

// holds tells whether the operations ops of the history that k has at all are
// all in sub.
func holds(k *register.Key, sub subset, ops []int) bool {
	for _, p := range everything(k) {
		if slices.Contains(ops, int(k.Ops[p].At)) && !slices.Contains(sub.pos, p) {
			return false
		}
	}
	return true
}

// surroundings are the operations on key nearest to those of the witness in
// time, with the writers of what they saw.
func surroundings(h *history.History, key history.Key, witness []int) []int {
	from, to := history.Never, history.Time(0)
	for _, o := range witness {
		op := &h.Ops[o]
		from = min(from, op.Invoke)
		to = max(to, op.Invoke)
		if op.Complete != history.Never {
			to = max(to, op.Complete)
		}
	}
	type near struct {
		op  int
		far history.Time
	}
	var all []near
	writer := map[history.Value]int{}
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		if m.Key != key || op.Outcome == history.Fail && m.Func != history.CAS {
			continue
		}
		if m.Func.Installs() {
			writer[m.Arg] = i
		}
		end := op.Complete
		if end == history.Never {
			end = op.Invoke
		}
		if far := max(from-end, op.Invoke-to, 0); far <= history.Time(pageAround) {
			all = append(all, near{i, far})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.far, b.far) })
	in := map[int]bool{}
	ops := slices.Clone(witness)
	for _, o := range witness {
		in[o] = true
	}
	for _, n := range all {
		more := []int{n.op}
		if m := h.Mop(&h.Ops[n.op]); m.Func == history.Read {
			if w, ok := writer[m.Ret]; ok {
				more = append(more, w)
			}
		}
		if len(ops)+len(more) > pageOps {
			break
		}
		for _, o := range more {
			if !in[o] {
				in[o] = true
				ops = append(ops, o)
			}
		}
	}
	slices.Sort(ops)
	return ops
}

// draw checks sub with all that a picture needs and draws it if it is refuted.
func draw(ctx context.Context, h *history.History, k *register.Key, sub subset, w io.Writer) (done bool, err error) {
	// Porcupine's page has a lane a client, numbered from 0.
	lanes := map[int]int{}
	ops := operations(h, k, sub.pos, sub.weak)
	from, to := history.Never, history.Time(0)
	for i := range ops {
		o := &ops[i]
		if _, ok := lanes[o.ClientId]; !ok {
			lanes[o.ClientId] = len(lanes)
		}
		o.Metadata = explain.Op(h, o.Input.(call).index)
		o.ClientId = lanes[o.ClientId]
		from = min(from, history.Time(o.Call))
		to = max(to, history.Time(o.Call))
		if history.Time(o.Return) != history.Never {
			to = max(to, history.Time(o.Return))
		}
	}
	var taken atomic.Int64
	m := model(ctx, h, k, &taken)
	m.DescribeOperationMetadata = func(info any) string {
		s, _ := info.(string)
		return html.EscapeString(s) // the page puts it in as markup
	}
	describe := m.DescribeState
	m.DescribeState = func(state any) string { return html.EscapeString(describe(state)) }
	res, info := porcupine.CheckOperationsVerbose(m, ops, pageLimit)
	if res != porcupine.Illegal || ctx.Err() != nil {
		return false, nil
	}
	var notes []porcupine.Annotation
	for i := range h.Faults {
		f := &h.Faults[i]
		end := f.Healed
		if end == 0 {
			end = to
		}
		if f.Injected > to || end < from {
			continue
		}
		notes = append(notes, porcupine.Annotation{
			Tag: "faults", Start: int64(max(f.Injected, from)), End: int64(min(end, to)),
			Description: f.Name, Details: fmt.Sprintf("fault %d (%s)", f.ID, f.Kind),
			TextColor: "#000000", BackgroundColor: "#f5b7b1",
		})
	}
	info.AddAnnotations(notes)
	// Drawing must not take a run down, whatever an unusual history makes it do.
	defer func() {
		if p := recover(); p != nil {
			done, err = true, fmt.Errorf("drawing with Porcupine: %v", p)
		}
	}()
	var page bytes.Buffer
	if err := porcupine.Visualize(m, info, &page); err != nil {
		return true, fmt.Errorf("drawing with Porcupine: %w", err)
	}
	if _, err := w.Write(confine(page.Bytes())); err != nil {
		return true, fmt.Errorf("drawing with Porcupine: %w", err)
	}
	return true, nil
}

// legendWhole shows the page's legend as a whole, whose box is too narrow for it where the
// font is wider than Porcupine's authors had it.
const legendWhole = `<style>#legend svg{overflow:visible}</style>`

// confine gives a page that foreign code wrote a content security policy: no network,
// and no script but the page's own, by its digest. A text that became markup all the
// same could then run nothing. A page of another shape is left as it is: its texts are
// escaped before it gets them.
func confine(page []byte) []byte {
	head, script, ok := bytes.Cut(page, []byte("<script>"))
	end := bytes.Index(script, []byte("</script>"))
	at := bytes.Index(head, []byte("<head>"))
	if !ok || end < 0 || at < 0 {
		return page
	}
	digest := sha256.Sum256(script[:end])
	policy := `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-` +
		base64.StdEncoding.EncodeToString(digest[:]) + `'">` + legendWhole
	return slices.Insert(page, at+len("<head>"), []byte(policy)...)
}
