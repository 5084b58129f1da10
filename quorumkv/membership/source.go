package membership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/quorumkv/replica"
)

// retry is the rest after a source gave nothing.
const retry = 100 * time.Millisecond

// read hands the pages of one source on, from a key on, in their order, one ahead. Pages that do not come become smaller: over a link that carries little, one
// that is too large would end the connection, with the requests of clients on it, each time.
func (m *Mover) read(ctx context.Context, p *pull, source, from string, pages chan<- given) {
	limit := pageKeys
	for ctx.Err() == nil {
		g, err := m.give(ctx, source, question{Page: &where{Epoch: p.epoch, Taker: m.o.Self, From: from, Limit: limit}})
		if err == nil && g.more && g.from <= from {
			err = fmt.Errorf("its pages do not go on after %q", from)
		}
		p.says(ctx, source, err)
		if err != nil {
			if !errors.Is(err, replica.ErrNotApplied) { // else it was not tried
				limit = max(1, limit/2)
			}
			m.rest(ctx, p)
			continue
		}
		from, limit = g.from, min(pageKeys, limit+1+limit/4)
		select {
		case <-ctx.Done():
		case pages <- g:
		}
		if !g.more {
			return
		}
	}
}

// give asks a source, once, what is answered by a page.
func (m *Mover) give(ctx context.Context, source string, q question) (given, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	b, err := m.send(ctx, source, q)
	if err != nil {
		return given{}, err
	}
	return parseGiven(b)
}

// fetch has a source give the records of keys, which are more than one page may have perhaps, and calls f for each.
func (m *Mover) fetch(ctx context.Context, p *pull, source string, keys []string, f func(given)) error {
	limit := fetchKeys
	for len(keys) > 0 {
		g, err := m.give(ctx, source, question{Fetch: &which{Epoch: p.epoch, Keys: keys[:min(limit, len(keys))]}})
		if err == nil {
			err = answers(g, keys)
		}
		p.says(ctx, source, err)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !errors.Is(err, replica.ErrNotApplied) {
				limit = max(1, limit/2)
			}
			m.rest(ctx, p)
			continue
		}
		f(g)
		keys, limit = keys[len(g.items):], min(fetchKeys, limit+1+limit/4)
	}
	return nil
}

// answers tells whether a source gives records of the first of the keys that it was asked for: those of others would be written in their places.
func answers(g given, keys []string) error {
	if len(g.items) == 0 || len(g.items) > len(keys) {
		return fmt.Errorf("asked for %d records, gives %d", len(keys), len(g.items))
	}
	for i, item := range g.items {
		if item.Key != keys[i] {
			return fmt.Errorf("asked for the record of %q, gives that of %q", keys[i], item.Key)
		}
	}
	return nil
}

// rest waits after something has failed, and ends the pulling if its change is over.
func (m *Mover) rest(ctx context.Context, p *pull) {
	if m.o.Keeper.View().Epoch != p.epoch {
		p.stop()
	}
	select {
	case <-ctx.Done():
	case <-time.After(retry):
	}
}
