package coordinator

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// ReadRequest reads Key.
type ReadRequest struct {
	Key string
	R   quorum.Level
	// W is the level at which the key is written: how many replicas a blocking read leaves holding what
	// it returns. The zero Level means quorum.WriteBack, which is enough for any W with W+R > N.
	W quorum.Level
}

// ReadResult is the newest record of those that R replicas answered; zero when none has the key.
type ReadResult struct {
	Record   record.Record
	R        int
	Answered []string // the replicas that answered
	Repaired []string // the replicas that were brought up to date before the answer
}

// Read returns the newest record that R replicas know. Its errors are *engine.Error without an Outcome.
func (c *Coordinator) Read(ctx context.Context, req ReadRequest) (ReadResult, error) {
	stale := c.Defects.Has(defect.StaleCache)
	if stale {
		if res, ok := c.cache.get(req.Key); ok {
			return res, nil
		}
	}
	res, err := c.read(ctx, req)
	if err != nil {
		c.stats.ReadsFailed.Add(1)
		return ReadResult{}, err
	}
	if stale {
		c.cache.put(req.Key, res)
	}
	c.Clock.Observe(res.Record.Version.Time)
	c.stats.Reads.Add(1)
	return res, nil
}

func (c *Coordinator) read(ctx context.Context, req ReadRequest) (ReadResult, error) {
	n := c.Placement.N()
	r, err := c.count(req.R, "read")
	if err != nil {
		return ReadResult{}, err
	}
	holders := 0
	if c.ReadRepair == RepairBlocking && !c.Defects.Has(defect.SkipWriteBack) {
		holders = quorum.WriteBack(n, r)
		if req.W != (quorum.Level{}) {
			if holders, err = c.count(req.W, "write-back"); err != nil {
				return ReadResult{}, err
			}
		}
	}
	replicas, _ := c.standIns(req.Key)
	replicas = c.localFirst(replicas)
	asked := r
	if c.Defects.Has(defect.ReadOne) {
		replicas, asked, holders = replicas[:1], 1, 0
	}
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	if failed := c.reach(ctx, replicas, max(asked, holders)); failed != nil {
		t := tally{failed: failed}
		need := max(asked, holders)
		return ReadResult{}, t.error(ctx, fmt.Sprintf("read needs %d of %d replicas, %d cannot be reached", need, len(replicas), len(failed)), need, "")
	}
	g := c.ask(replicas, req.Key)
	if err := g.collect(ctx, asked); err != nil {
		g.release()
		return ReadResult{}, err
	}
	res := ReadResult{Record: g.newest, R: r, Answered: g.t.answered[:len(g.t.answered):len(g.t.answered)]}
	if holders > 0 {
		res.Repaired, err = g.writeBack(ctx, holders)
		if err != nil {
			g.release()
			return ReadResult{}, err
		}
	}
	if c.ReadRepair == RepairOff || c.Defects.Has(defect.SkipWriteBack) || !g.repairRest() {
		g.release()
	}
	return res, nil
}

// gathering is one read: what its replicas answered, and what was done about it.
type gathering struct {
	c        *Coordinator
	key      string
	replicas []string
	mctx     context.Context
	release  context.CancelFunc // ends messages that still wait; applies have a context of their own

	answers chan readAnswer
	t       tally
	have    map[string]record.Record // by node, of those that answered
	newest  record.Record
}

type readAnswer struct {
	node string
	rec  record.Record
	err  error
}

func (c *Coordinator) ask(replicas []string, key string) *gathering {
	g := &gathering{c: c, key: key, replicas: replicas,
		answers: make(chan readAnswer, len(replicas)), have: make(map[string]record.Record, len(replicas))}
	g.mctx, g.release = c.message()
	for _, node := range replicas {
		go func() {
			rec, err := c.Transport.Read(g.mctx, node, key)
			g.answers <- readAnswer{node, rec, err}
		}()
	}
	return g
}

// pending is how many replicas have not said anything yet.
func (g *gathering) pending() int { return len(g.replicas) - len(g.t.answered) - len(g.t.failed) }

func (g *gathering) take(a readAnswer) {
	if a.err != nil {
		g.t.fail(a.node, a.err)
		return
	}
	g.t.answered = append(g.t.answered, a.node)
	g.have[a.node] = a.rec
	if a.rec.Compare(g.newest) > 0 {
		g.newest = a.rec
	}
}

// collect waits for need answers.
func (g *gathering) collect(ctx context.Context, need int) error {
	for len(g.t.answered) < need && len(g.t.answered)+g.pending() >= need {
		select {
		case a := <-g.answers:
			g.take(a)
		case <-ctx.Done():
			g.t.silent(g.replicas)
		}
	}
	if len(g.t.answered) >= need {
		return nil
	}
	return g.t.error(ctx, fmt.Sprintf("read needs %d of %d replicas, %d answered", need, len(g.replicas), len(g.t.answered)), need, "")
}

// writeBack makes at least need replicas hold the newest record so far or a larger one, and returns those it had to tell.
func (g *gathering) writeBack(ctx context.Context, need int) ([]string, error) {
	target := g.newest
	if target.Version.IsZero() {
		return nil, nil // everybody holds nothing
	}
	holding, running := 0, 0
	acks := make(chan ack, len(g.replicas))
	consider := func(node string) {
		if g.have[node].Compare(target) >= 0 {
			holding++
			return
		}
		if g.c.apply(node, g.key, target, func(a ack) { acks <- a }) {
			running++
		}
	}
	for _, node := range g.t.answered {
		consider(node)
	}
	var repaired []string
	failed := tally{}
	for holding < need && holding+running+g.pending() >= need && ctx.Err() == nil {
		select {
		case a := <-acks:
			running--
			if a.err != nil {
				failed.fail(a.node, a.err)
				continue
			}
			g.have[a.node] = target
			repaired = append(repaired, a.node)
			holding++
		case a := <-g.answers:
			g.take(a)
			if a.err == nil {
				consider(a.node)
			}
		case <-ctx.Done():
		}
	}
	if holding >= need {
		g.c.stats.BlockingRepairs.Add(int64(len(repaired)))
		return repaired, nil
	}
	for n, why := range failed.failed {
		if g.t.failed == nil {
			g.t.failed = make(map[string]string)
		}
		g.t.failed[n] = "repair: " + why
	}
	g.t.timedOut = g.t.timedOut || failed.timedOut
	return nil, g.t.error(ctx, fmt.Sprintf("read repair: %d of %d replicas must hold the value before it is returned, %d do",
		need, len(g.replicas), holding), need, "")
}

// repairRest goes on after the answer: it waits for the replicas that have not answered and sends the
// newest record to all that lack it. It reports whether it started; then it calls release.
func (g *gathering) repairRest() bool {
	stale := g.pending() > 0
	for _, rec := range g.have {
		stale = stale || rec.Compare(g.newest) < 0
	}
	if !stale {
		return false
	}
	select {
	case g.c.slots <- struct{}{}:
	default:
		g.c.stats.RepairsSkipped.Add(1)
		return false
	}
	started := g.c.background(func() {
		defer func() { <-g.c.slots }()
		defer g.release()
		for g.pending() > 0 {
			g.take(<-g.answers) // comes at the latest when its message times out
		}
		for node, rec := range g.have {
			if rec.Compare(g.newest) < 0 {
				g.c.stats.AsyncRepairs.Add(1)
				g.c.apply(node, g.key, g.newest, nil)
			}
		}
	})
	if !started {
		<-g.c.slots
	}
	return started
}

// apply sends rec to one replica in the background, reports whether it could start, and says what became of it to done.
func (c *Coordinator) apply(node, key string, rec record.Record, done func(ack)) bool {
	return c.background(func() {
		mctx, cancel := c.message()
		defer cancel()
		a := ack{node: node, err: c.Transport.Apply(mctx, node, key, rec)}
		if done != nil {
			done(a)
		}
	})
}
