package leaderless

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/quorum"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

var _ engine.Lister = (*Engine)(nil)

// List implements engine.Lister. All nodes are asked, and all but N-R must answer: then R replicas of every key have; but where the placement keeps the keys together
// that are asked for, only the nodes that hold them are, and R of those of each range must answer. The largest record of
// each key is what a read at level R without repair could have returned. So it sees the last acknowledged write of every key where W+R > N; it is no
// snapshot, and nothing is repaired.
func (e *Engine) List(ctx context.Context, req engine.ListRequest) (engine.ListResult, error) {
	ctx, done := e.bounded(ctx)
	defer done()
	level, failed := parseLevel(req.Level, "r", quorum.Quorum)
	if failed == nil {
		failed = e.agrees(ctx)
	}
	if failed != nil {
		return engine.ListResult{}, failed
	}
	r, err := level.Count(e.opts.Replication)
	if err != nil {
		return engine.ListResult{}, &engine.Error{Code: engine.CodeBadLevel, Message: "list: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, min(e.node.PeerTimeout, e.node.RequestTimeout))
	defer cancel()
	for {
		v := e.members.View()
		out, err := e.listIn(ctx, v, req, r)
		if err == nil || ctx.Err() != nil || e.members.View().Epoch == v.Epoch {
			return out, err
		}
	}
}

// listIn lists in one state of the members.
func (e *Engine) listIn(ctx context.Context, v *membership.View, req engine.ListRequest, r int) (engine.ListResult, error) {
	type answer struct {
		node string
		page storage.Page
		err  error
	}
	listing := replica.Listing{Tenant: req.Tenant, After: req.After, Limit: req.Limit, Part: req.Part, From: req.From, To: req.To}
	asks := wholeQuorum(v.Read, r)
	if low, high := listing.Bounds(); req.Part {
		asks = partQuorum(v.Read, low, high, r)
		e.ranges.reads.Add(1)
		e.ranges.asked.Add(int64(len(asks.nodes)))
	}
	nodes := asks.nodes
	answers := make(chan answer, len(nodes))
	for _, node := range nodes {
		go func() {
			page, err := e.mesh.List(ctx, node, v.Epoch, listing)
			answers <- answer{node, page, err}
		}()
	}
	why := &engine.Error{Code: engine.CodeUnavailable, Needed: asks.needed, Failed: map[string]string{}}
	var pages []storage.Page
	for range nodes { // all of them: a page is complete up to where each node's ends
		a := <-answers // comes at the latest when ctx ends
		if a.err != nil {
			why.Failed[a.node] = a.err.Error()
			continue
		}
		why.Answered = append(why.Answered, a.node)
		pages = append(pages, a.page)
	}
	if set := asks.lacks(why.Answered); set != nil {
		if ctx.Err() != nil {
			why.Code = engine.CodeTimeout
		}
		why.Message = fmt.Sprintf("a list at R=%d needs %d of the nodes %s, and of all that were asked %d answered", r, asks.needed, strings.Join(set, " "), len(pages))
		return engine.ListResult{}, why
	}
	out := merge(pages, req.Limit)
	out.R, out.Asked, out.Answered = r, nodes, why.Answered
	slices.Sort(out.Answered)
	return out, nil
}

// listQuorum is who is asked for a page, and who must answer.
type listQuorum struct {
	nodes  []string // that are asked, in order
	sets   [][]string
	needed int // of each set
}

// wholeQuorum is that of keys which may be anywhere.
func wholeQuorum(p placement.Placement, r int) listQuorum {
	all := p.Nodes()
	return listQuorum{all, [][]string{all}, len(all) - p.N() + r}
}

// partQuorum is that of the keys, as they are stored, from low on and below high.
func partQuorum(p placement.Placement, low, high string, r int) listQuorum {
	sets, ok := placement.Holders(p, low, high)
	if !ok {
		return wholeQuorum(p, r)
	}
	return listQuorum{slices.Compact(slices.Sorted(slices.Values(slices.Concat(sets...)))), sets, r}
}

// lacks is a set of which too few have answered; nil when none lacks any.
func (q listQuorum) lacks(answered []string) []string {
	for _, set := range q.sets {
		n := 0
		for _, node := range set {
			if slices.Contains(answered, node) {
				n++
			}
		}
		if n < q.needed {
			return set
		}
	}
	return nil
}

// Backup implements engine.Lister. Of keys of which this node was a replica before the members changed nothing is in it: their last writes and deletes
// are on others, and what is left here would come back with a restore.
func (e *Engine) Backup(req engine.ListRequest) (engine.ListResult, error) {
	page, err := e.local.Backup(replica.Listing{Tenant: req.Tenant, After: req.After, Limit: req.Limit})
	if err != nil {
		return engine.ListResult{}, err
	}
	if !e.opts.Sloppy { // with it, what a node has may be of keys of which it only stood in as a replica, and members do not change
		hideOthers(page, e.members.View(), e.node.Name)
	}
	out := merge([]storage.Page{page}, req.Limit)
	out.R, out.Answered = 1, []string{e.node.Name}
	return out, nil
}

// hideOthers makes the records of keys that a node does not hold count as deleted, so that pages go on after them.
func hideOthers(page storage.Page, v *membership.View, node string) {
	for i, item := range page.Items {
		if !v.Holds(item.Key, node) {
			page.Items[i].Record = record.Record{Version: item.Record.Version, Tombstone: true}
		}
	}
}

// merge is one page of several nodes' pages of the same range: of each key the largest record, up to where each node has told all that it has.
func merge(pages []storage.Page, limit int) engine.ListResult {
	var out engine.ListResult
	var all []storage.Item
	end := "" // the last key of which all is told, if not all are
	for _, p := range pages {
		all = append(all, p.Items...)
		if p.More {
			if last := p.Items[len(p.Items)-1].Key; !out.More || last < end {
				out.More, end = true, last
			}
		}
	}
	slices.SortFunc(all, func(a, b storage.Item) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return b.Record.Compare(a.Record)
	})
	all = slices.CompactFunc(all, func(a, b storage.Item) bool { return a.Key == b.Key })
	seen := 0
	for _, i := range all {
		if out.More && i.Key > end {
			break
		}
		if seen == limit {
			out.More = true
			break
		}
		seen++
		_, out.Last = tenant.Split(i.Key)
		if i.Record.Live() {
			out.Keys = append(out.Keys, engine.Listed{Key: out.Last, Record: i.Record})
		}
	}
	return out
}
