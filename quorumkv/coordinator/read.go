package coordinator

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
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
	n := c.n()
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
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	for {
		v := c.Members.View()
		res, err := c.readIn(ctx, v, req.Key, r, holders)
		if err == nil || !c.moved(ctx, v) {
			return res, err
		}
	}
}

// readIn reads in one state of the members.
func (c *Coordinator) readIn(ctx context.Context, v *membership.View, key string, r, holders int) (ReadResult, error) {
	to := c.whom(v, key)
	to.nodes = c.localFirst(to.nodes)
	asked := r
	if c.Defects.Has(defect.ReadOne) {
		to.nodes, asked, holders = to.nodes[:1], 1, 0
		to.groups = [][]string{to.nodes}
	}
	need := max(asked, holders)
	failed := c.reach(ctx, to.groups[0], need)
	if failed == nil && holders > 0 {
		failed = c.reachAll(ctx, to, holders)
	}
	if failed != nil {
		t := tally{failed: failed}
		return ReadResult{}, t.error(ctx, fmt.Sprintf("read needs %d of %d replicas, %d cannot be reached", need, len(to.groups[0]), len(failed)), need, "")
	}
	g := c.ask(to, key)
	if err := g.collect(ctx, asked); err != nil {
		return ReadResult{}, err
	}
	res := ReadResult{Record: g.newest, R: r, Answered: g.t.answered[:len(g.t.answered):len(g.t.answered)]}
	if holders > 0 {
		var err error
		res.Repaired, err = g.writeBack(ctx, holders)
		if err != nil {
			return ReadResult{}, err
		}
	}
	if c.ReadRepair != RepairOff && !c.Defects.Has(defect.SkipWriteBack) {
		g.repairRest()
	}
	return res, nil
}

// gathering is one read: what its replicas answered, and what was done about it.
type gathering struct {
	asked
	c   *Coordinator
	key string

	answers chan replica.Answer
	t       tally
	have    []have // of those that answered
	newest  record.Record
}

// have is what a node holds.
type have struct {
	node string
	rec  record.Record
}

func (c *Coordinator) ask(to asked, key string) *gathering {
	g := &gathering{asked: to, c: c, key: key, answers: make(chan replica.Answer, len(to.nodes)), have: make([]have, 0, len(to.nodes))}
	for node := range c.othersFirst(to.nodes) {
		c.Transport.Read(c.ctx, node, to.view.Epoch, key, c.PeerTimeout, g.answers)
	}
	return g
}

// pending is how many replicas have not said anything yet.
func (g *gathering) pending() int { return len(g.nodes) - len(g.t.answered) - len(g.t.failed) }

func (g *gathering) take(a replica.Answer) {
	if a.Err != nil {
		g.t.fail(a.Node, a.Err)
		return
	}
	g.t.answered = append(g.t.answered, a.Node)
	g.have = append(g.have, have{a.Node, a.Record})
	if a.Record.Compare(g.newest) > 0 {
		g.newest = a.Record
	}
}

// of is what a node that answered holds.
func (g *gathering) of(node string) *record.Record {
	for i := range g.have {
		if g.have[i].node == node {
			return &g.have[i].rec
		}
	}
	return &record.Record{}
}

// open is how many nodes of a group may still answer.
func (g *gathering) open(group []string) int {
	return len(group) - in(group, g.t.answered) - g.t.failedIn(group)
}

// collect waits for need answers of the group that is asked first. Those of others are taken as they come.
func (g *gathering) collect(ctx context.Context, need int) error {
	first := g.groups[0]
	for in(first, g.t.answered) < need && in(first, g.t.answered)+g.open(first) >= need {
		select {
		case a := <-g.answers:
			g.take(a)
		case <-ctx.Done():
			g.t.silent(g.nodes)
		}
	}
	if in(first, g.t.answered) >= need {
		return nil
	}
	return g.t.error(ctx, fmt.Sprintf("read needs %d of %d replicas, %d answered", need, len(first), in(first, g.t.answered)), need, "")
}

// writeBack makes at least need replicas of each group hold the newest record so far or a larger one, and returns those it had to tell.
func (g *gathering) writeBack(ctx context.Context, need int) ([]string, error) {
	target := g.newest
	if target.Version.IsZero() {
		return nil, nil // everybody holds nothing
	}
	var holding, running []string
	acks := make(chan replica.Answer, len(g.nodes))
	defer func() { g.c.drain(acks, len(running)) }()
	consider := func(node string) {
		if g.of(node).Compare(target) >= 0 {
			holding = append(holding, node)
			return
		}
		g.c.Transport.Apply(g.c.ctx, node, g.view.Epoch, g.key, target, g.c.PeerTimeout, acks)
		running = append(running, node)
	}
	for _, node := range g.t.answered {
		consider(node)
	}
	var repaired []string
	failed := tally{}
	possible := func() bool {
		for _, group := range g.groups {
			if in(group, holding)+in(group, running)+g.open(group) < need {
				return false
			}
		}
		return true
	}
	for g.inEach(holding) < need && possible() && ctx.Err() == nil {
		select {
		case a := <-acks:
			running = slices.DeleteFunc(running, func(n string) bool { return n == a.Node })
			if a.Err != nil {
				failed.fail(a.Node, a.Err)
				continue
			}
			*g.of(a.Node) = target
			repaired = append(repaired, a.Node)
			holding = append(holding, a.Node)
		case a := <-g.answers:
			g.take(a)
			if a.Err == nil {
				consider(a.Node)
			}
		case <-ctx.Done():
		}
	}
	if g.inEach(holding) >= need {
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
		need, len(g.groups[0]), g.inEach(holding)), need, "")
}

// repairRest goes on after the answer: it waits for the replicas that have not answered and sends the
// newest record to all that lack it.
func (g *gathering) repairRest() {
	for g.pending() > 0 { // what is there needs no waiting
		select {
		case a := <-g.answers:
			g.take(a)
			continue
		default:
		}
		break
	}
	stale := g.pending() > 0
	for i := range g.have {
		stale = stale || g.have[i].rec.Compare(g.newest) < 0
	}
	if !stale {
		return
	}
	select {
	case g.c.slots <- struct{}{}:
	default:
		g.c.stats.RepairsSkipped.Add(1)
		return
	}
	started := g.c.background(func() {
		defer func() { <-g.c.slots }()
		for g.pending() > 0 { // an answer comes at the latest when its time is over
			select {
			case a := <-g.answers:
				g.take(a)
			case <-g.c.ctx.Done():
				return
			}
		}
		acks := make(chan replica.Answer, len(g.nodes))
		sent := 0
		for i := range g.have {
			if g.have[i].rec.Compare(g.newest) < 0 {
				g.c.stats.AsyncRepairs.Add(1)
				g.c.Transport.Apply(g.c.ctx, g.have[i].node, g.view.Epoch, g.key, g.newest, g.c.PeerTimeout, acks)
				sent++
			}
		}
		g.c.await(acks, sent)
	})
	if !started {
		<-g.c.slots
	}
}

// drain waits in the background for so many answers, which change nothing any more.
func (c *Coordinator) drain(acks <-chan replica.Answer, n int) {
	if n > 0 {
		c.background(func() { c.await(acks, n) })
	}
}

// await waits for so many answers, or until the coordinator is closed.
func (c *Coordinator) await(acks <-chan replica.Answer, n int) {
	for ; n > 0; n-- {
		select {
		case <-acks:
		case <-c.ctx.Done():
			return
		}
	}
}
