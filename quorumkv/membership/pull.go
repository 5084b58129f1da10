package membership

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/replica"
)

// pullNote is the name of a node's cursor, and with more after it that of what is not read any more.
const pullNote = "pull"

// cursor is how far a node has pulled: it is kept with the records that were taken, so that a node which was killed goes on there.
type cursor struct {
	Epoch   uint64            `json:"epoch"` // of the change; another's says nothing
	To      string            `json:"to"`    // all keys before it have been pulled from all sources
	Done    bool              `json:"done"`
	Sources map[string]resume `json:"sources"`
	Keys    int64             `json:"keys"`
	Moves   int64             `json:"moves"`
	Taken   int64             `json:"taken"`
}

// resume is where the pages of a source go on: not behind cursor.To, as pages of different sources end at different keys.
type resume struct {
	From string `json:"from"`
	Done bool   `json:"done"`
}

// pull is a node's pulling for one change: from all old members at once, in the order of keys.
type pull struct {
	self  string
	epoch uint64
	began time.Time
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu   sync.Mutex
	at   cursor
	errs map[string]string // by source
	disk string            // why what came is not kept; empty while it is
}

// goOn begins to pull for an epoch, unless this node does already, and says how far it is.
func (m *Mover) goOn(epoch uint64) (Progress, error) {
	m.pulling.Lock()
	defer m.pulling.Unlock()
	if m.stopped {
		return Progress{}, fmt.Errorf("%w: this node is stopping", replica.ErrNotApplied)
	}
	v, err := m.moving(epoch)
	if err != nil {
		return Progress{}, err
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
	at := cursor{Epoch: v.Epoch, Sources: map[string]resume{}}
	b, err := m.o.Store.Note(pullNote)
	if err != nil {
		return nil, fmt.Errorf("read how far was pulled: %w", err)
	}
	if b != nil {
		var old cursor
		if err := json.Unmarshal(b, &old); err != nil {
			return nil, fmt.Errorf("read how far was pulled: %w", err)
		}
		if old.Epoch == v.Epoch {
			at = old
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &pull{self: m.o.Self, epoch: v.Epoch, began: time.Now(), stop: stop, at: at, errs: map[string]string{}}
	if !at.Done {
		j := &join{m: m, p: p, at: at}
		for _, source := range v.Members { // itself among them, which has nothing for it, but keys that count
			s := &stream{source: source, resume: at.Sources[source], pages: make(chan given)}
			j.streams = append(j.streams, s)
			if !s.Done {
				p.wg.Go(func() { m.read(ctx, p, s.source, s.From, s.pages) })
			}
		}
		p.wg.Go(func() { j.run(ctx) })
	}
	return p, nil
}

// end stops and waits.
func (p *pull) end() {
	p.stop()
	p.wg.Wait()
}

// sweep ends the pulling for a change that is over, and removes its cursor.
func (m *Mover) sweep() error {
	m.pulling.Lock()
	defer m.pulling.Unlock()
	s := m.o.Keeper.View().State
	if s.Phase != Stable || m.swept == s.Epoch {
		return nil
	}
	if m.pull != nil {
		m.pull.end()
		m.pull = nil
	}
	if err := m.o.Store.ClearNotes(pullNote); err != nil {
		return fmt.Errorf("forget how far was pulled: %w", err)
	}
	m.swept = s.Epoch
	return nil
}

func (m *Mover) stopPull() {
	m.pulling.Lock()
	defer m.pulling.Unlock()
	m.stopped = true
	if m.pull != nil {
		m.pull.end()
	}
}

// says keeps why a source gives nothing, or that it does.
func (p *pull) says(ctx context.Context, source string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.errs, source)
	if err != nil && ctx.Err() == nil {
		p.errs[source] = err.Error()
	}
}

// keeps notes why what came is not kept, or that it is.
func (p *pull) keeps(ctx context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disk = ""
	if err != nil && ctx.Err() == nil {
		p.disk = err.Error()
	}
}

func (p *pull) progress() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Progress{Done: p.at.Done, Keys: p.at.Keys, Moves: p.at.Moves, Taken: p.at.Taken, MS: time.Since(p.began).Milliseconds()}
	for _, source := range slices.Sorted(maps.Keys(p.errs)) {
		out.Error = source + " gives no page: " + p.errs[source]
		break
	}
	if p.disk != "" {
		out.Error = p.self + " cannot keep what it takes: " + p.disk
	}
	return out
}
