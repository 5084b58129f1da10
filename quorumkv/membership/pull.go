package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/replica"
)

// retry is the rest after a source gave nothing.
const retry = 100 * time.Millisecond

// cursor is how far a node has pulled from one source: it is kept with the records that were taken, so that a node which was killed goes on there.
type cursor struct {
	Epoch uint64 `json:"epoch"` // of the change; another's says nothing
	From  string `json:"from"`
	Done  bool   `json:"done"`
	Keys  int64  `json:"keys"`
	Moves int64  `json:"moves"`
	Taken int64  `json:"taken"`
}

// pull is a node's pulling for one change: from all old members at once, from each in the order of keys.
type pull struct {
	epoch uint64
	began time.Time
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu      sync.Mutex
	sources map[string]cursor
	errs    map[string]string
}

func noteOf(source string) string { return "pull/" + source }

// goOn begins to pull for an epoch, unless this node does already, and says how far it is.
func (m *Mover) goOn(epoch uint64) (Progress, error) {
	m.pulling.Lock()
	defer m.pulling.Unlock()
	if m.stopped {
		return Progress{}, fmt.Errorf("%w: this node is stopping", replica.ErrNotApplied)
	}
	v := m.o.Keeper.View()
	if v.Epoch != epoch || v.Phase != Moving {
		return Progress{}, fmt.Errorf("%w: asked to pull for epoch %d; %s", replica.ErrNotApplied, epoch, v.State)
	}
	if m.pull == nil || m.pull.epoch != epoch {
		if m.pull != nil {
			m.pull.end()
		}
		p, err := m.begins(v)
		if err != nil {
			return Progress{}, err
		}
		m.pull = p
	}
	return m.pull.progress(), nil
}

func (m *Mover) begins(v *View) (*pull, error) {
	ctx, stop := context.WithCancel(context.Background())
	p := &pull{epoch: v.Epoch, began: time.Now(), stop: stop, sources: map[string]cursor{}, errs: map[string]string{}}
	for _, source := range v.Members { // itself among them, which has nothing for it, but keys that count
		c := cursor{Epoch: v.Epoch}
		b, err := m.o.Store.Note(noteOf(source))
		if err == nil && b != nil {
			var old cursor
			if err = json.Unmarshal(b, &old); err == nil && old.Epoch == v.Epoch {
				c = old
			}
		}
		if err != nil {
			stop()
			return nil, fmt.Errorf("read how far was pulled from %s: %w", source, err)
		}
		p.sources[source] = c
	}
	for source, c := range maps.Clone(p.sources) { // which those that run change
		if !c.Done {
			p.wg.Go(func() { m.from(ctx, p, source, c) })
		}
	}
	return p, nil
}

// end stops and waits.
func (p *pull) end() {
	p.stop()
	p.wg.Wait()
}

func (m *Mover) stopPull() {
	m.pulling.Lock()
	defer m.pulling.Unlock()
	m.stopped = true
	if m.pull != nil {
		m.pull.end()
	}
}

// from pulls all that this node takes and a source has. Pages that do not come become smaller: over a link that carries little, one that is too large would end the
// connection, with the requests of clients on it, each time.
func (m *Mover) from(ctx context.Context, p *pull, source string, c cursor) {
	limit := pageKeys
	for !c.Done && ctx.Err() == nil && m.o.Keeper.View().Epoch == p.epoch {
		next, err := m.onePage(ctx, source, c, limit)
		p.mu.Lock()
		delete(p.errs, source)
		if err != nil && ctx.Err() == nil {
			p.errs[source] = err.Error()
		}
		if err == nil {
			p.sources[source] = next
		}
		p.mu.Unlock()
		if err != nil {
			if !errors.Is(err, replica.ErrNotApplied) { // else it was not tried
				limit = max(1, limit/2)
			}
			select {
			case <-ctx.Done():
			case <-time.After(retry):
			}
			continue
		}
		c, limit = next, min(pageKeys, limit+1+limit/4)
	}
}

func (m *Mover) onePage(ctx context.Context, source string, c cursor, limit int) (cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	b, err := m.send(ctx, source, question{Page: &where{Epoch: c.Epoch, Taker: m.o.Self, From: c.From, Limit: limit}})
	if err != nil {
		return c, err
	}
	about, page, err := parseGiven(b)
	if err != nil {
		return c, err
	}
	c.From, c.Done = about.From, !about.More
	c.Keys, c.Moves = c.Keys+about.Keys, c.Moves+about.Moves
	c.Taken += int64(len(page.Items))
	for _, i := range page.Items {
		m.o.Clock.Observe(i.Record.Version.Time)
	}
	note, err := json.Marshal(c)
	if err != nil {
		return c, fmt.Errorf("encode how far was pulled: %w", err)
	}
	if _, err := m.o.Store.ApplyAll(page.Items, noteOf(source), note); err != nil {
		return c, err
	}
	return c, nil
}

func (p *pull) progress() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Progress{Done: true, MS: time.Since(p.began).Milliseconds()}
	var from []string
	for source, c := range p.sources {
		out.Done = out.Done && c.Done
		out.Keys, out.Moves, out.Taken = out.Keys+c.Keys, out.Moves+c.Moves, out.Taken+c.Taken
		from = append(from, source)
	}
	slices.Sort(from)
	for _, source := range from {
		if why := p.errs[source]; why != "" {
			out.Error = source + " gives no page: " + why
			break
		}
	}
	return out
}
