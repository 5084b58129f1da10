package consensus

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/quorum"
)

// caughtUp is how many entries a node that is being added may lack of what is committed to become a voter. With fewer than a
// message holds, the group waits for it no longer than for any other.
const caughtUp = 256

var _ engine.Membered = (*Engine)(nil)

// change is a step that is to be in the log.
type change struct{ body *raftpb.ConfChangeV2 }

// steps makes a change of members out of single ones, which the library carries out at once, jointly if there are several. It counts for
// nothing but after the epoch that it was made for: a copy that comes late does not take back what came in between.
func steps(epoch uint64, singles ...*raftpb.ConfChangeSingle) *raftpb.ConfChangeV2 {
	return &raftpb.ConfChangeV2{Changes: singles, Context: binary.BigEndian.AppendUint64(nil, epoch)}
}

func single(t raftpb.ConfChangeType, id uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: t.Enum(), NodeId: new(id)}
}

// change proposes; who asked proposes again until the members are others.
func (l *loop) change(c *change) {
	if l.status.Leader == "" {
		return
	}
	if err := l.raw.ProposeConfChange(c.body); err != nil {
		l.e.node.Logger.Debug("change of members not proposed", "error", err)
	}
}

// applyChange makes an entry's change of members, unless others have come first.
func (l *loop) applyChange(s *step, e *raftpb.Entry) error {
	c := &raftpb.ConfChangeV2{}
	if e.GetType() != raftpb.EntryType_EntryConfChangeV2 {
		return fmt.Errorf("%w: a change of members of kind %s", errMalformed, e.GetType())
	}
	if err := proto.Unmarshal(e.GetData(), c); err != nil {
		return fmt.Errorf("%w: a change of members: %w", errMalformed, err)
	}
	now, leaves := l.machine.now(), len(c.GetChanges()) == 0
	if leaves != now.joint() {
		return nil
	}
	if !leaves && (len(c.GetContext()) != 8 || binary.BigEndian.Uint64(c.GetContext()) != now.Epoch) {
		return nil
	}
	next := now.after(l.raw.ApplyConfChange(c))
	if err := s.become(next); err != nil {
		return err
	}
	l.log.voters = next.state()
	l.e.node.Logger.Info("members", "epoch", next.Epoch, "voters", l.e.namesOf(next.Voters), "before", l.e.namesOf(next.Outgoing), "learners", l.e.namesOf(next.Learners))
	if slices.Contains(next.Removed, l.e.self.ID) && now.has(l.e.self.ID) {
		l.e.node.Logger.Warn("this node was removed from the group")
	}
	return nil
}

// finishChange has a leader make a voter of whoever has caught up. It replaces the voter of that name, if there is one, in the same step.
func (l *loop) finishChange() {
	now := l.machine.now()
	l.waiting = ""
	if !l.status.Leading || now.joint() || len(now.Learners) == 0 {
		return
	}
	id := now.Learners[0]
	is := l.raw.Status()
	p, ok := is.Progress[id]
	switch {
	case !ok || !p.RecentActive:
		l.waiting = l.e.name(id) + " does not answer"
		return
	case p.State != tracker.StateReplicate || p.Match+caughtUp < is.GetCommit():
		l.waiting = fmt.Sprintf("%s has %d of %d entries", l.e.name(id), p.Match, is.GetCommit())
		return
	}
	if time.Since(l.managed) < l.e.election()/2 {
		return
	}
	l.managed = time.Now()
	singles := []*raftpb.ConfChangeSingle{single(raftpb.ConfChangeAddNode, id)}
	if old := now.voterAt(place(id)); old != 0 {
		singles = append(singles, single(raftpb.ConfChangeRemoveNode, old))
	}
	l.change(&change{steps(now.Epoch, singles...)})
}

func (e *Engine) namesOf(ids []uint64) []string {
	names := []string{}
	for _, id := range ids {
		if n := e.name(id); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// view is what this node has applied of the members.
func (e *Engine) view() protocol.Members {
	s := e.status.Load()
	m := s.Members
	out := protocol.Members{Epoch: m.Epoch, Phase: string(membership.Stable), Members: e.namesOf(m.Voters), Steward: s.Leader,
		Replication: len(m.Voters), Waiting: s.Waiting, Lost: e.lost()}
	if !slices.Contains(out.Members, out.Steward) && !m.joint() {
		out.Steward = "" // a leader that has removed itself: another one is not elected yet, or this node has not heard of it
	}
	switch {
	case m.joint():
		out.Phase, out.Members, out.Next = string(membership.Switching), e.namesOf(m.Outgoing), e.namesOf(m.Voters)
	case len(m.Learners) > 0:
		out.Phase, out.Next = string(membership.Moving), e.namesOf(slices.Concat(m.Voters, m.Learners))
	}
	return out
}

// lost is why this node's data do not count; empty if they do, or never have.
func (e *Engine) lost() string {
	if v := e.told.Load(); v != nil {
		return e.say(*v, e.node.Name)
	}
	if slices.Contains(e.status.Load().Members.Removed, e.self.ID) {
		return e.say(verdict{}, e.node.Name)
	}
	return e.silent()
}

// Members implements engine.Membered. A node that is no member asks one that is.
func (e *Engine) Members(ctx context.Context) protocol.Members {
	ctx, cancel := context.WithTimeout(ctx, e.node.RequestTimeout)
	defer cancel()
	if e.counts() {
		out := e.view()
		if out.Phase == string(membership.Moving) && out.Steward != "" && out.Steward != e.node.Name {
			var told protocol.Members
			if r := e.desk.Ask(ctx, out.Steward, own{Status: true}.request()); r.Error == nil && readOwn(r, &told) == nil {
				out.Waiting = told.Waiting
			}
		}
		return out
	}
	out, err := e.relayed(ctx, own{Status: true})
	if err != nil {
		out = e.view()
		out.Waiting = err.Error()
	}
	out = e.newest(out)
	out.Lost = e.lost()
	return out
}

// newest is what another tells of the members, unless it has not yet applied what this node has: its own removal, of which whoever asked for it is not to hear that
// there was none.
func (e *Engine) newest(told protocol.Members) protocol.Members {
	if mine := e.view(); mine.Epoch > told.Epoch {
		return mine
	}
	return told
}

// ChangeMembers implements engine.Membered. It returns when the change has begun: then it is in the log, and every leader goes on with it.
func (e *Engine) ChangeMembers(ctx context.Context, c protocol.MemberChange) (protocol.Members, error) {
	if err := e.Agrees(); err != nil {
		return protocol.Members{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, max(e.node.RequestTimeout, 4*e.election()))
	defer cancel()
	if !e.counts() {
		return e.relayed(ctx, own{Change: &c})
	}
	if err := e.await(ctx, &readRequest{ready: make(chan struct{})}); err != nil {
		return protocol.Members{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "nothing was changed: " + err.Error()}
	}
	now := e.status.Load().Members
	singles, err := e.plan(ctx, now, c)
	if err != nil {
		return protocol.Members{}, err
	}
	step := &change{steps(now.Epoch, singles...)}
	again := time.NewTicker(e.election() / 4)
	defer again.Stop()
	for {
		select {
		case e.changes <- step:
		default: // one is on its way
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return protocol.Members{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten, Message: "the change was proposed and not seen to be committed in time; it may be, or may yet be"}
		case <-e.Context.Done():
			return protocol.Members{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten, Message: "this node is stopping"}
		}
		is := e.status.Load().Members
		if is.Epoch == now.Epoch && e.told.Load() == nil {
			continue
		}
		if id := singles[0].GetNodeId(); e.told.Load() == nil && is.has(id) != (singles[0].GetType() != raftpb.ConfChangeRemoveNode) {
			return protocol.Members{}, refuse("another change came first: the members are %s", strings.Join(e.namesOf(is.Voters), " "))
		}
		return e.Members(ctx), nil
	}
}

func refuse(format string, args ...any) *engine.Error {
	return &engine.Error{Code: engine.CodeMembers, Outcome: engine.NotWritten, Message: fmt.Sprintf(format, args...)}
}

// plan is the first step of a change, or why there is none.
func (e *Engine) plan(ctx context.Context, now members, c protocol.MemberChange) ([]*raftpb.ConfChangeSingle, error) {
	going := now.joint() || len(now.Learners) > 0
	switch {
	case c.Cancel && len(now.Learners) > 0 && !now.joint():
		return []*raftpb.ConfChangeSingle{single(raftpb.ConfChangeRemoveNode, now.Learners[0])}, nil
	case c.Cancel && going:
		return nil, refuse("the change is being completed, and cannot be canceled any more")
	case c.Cancel:
		return nil, refuse("no change is going on")
	case going:
		return nil, refuse("a change is going on: wait until it is done, or cancel it")
	case c.Add != "":
		return e.planAdd(ctx, now, c.Add)
	}
	return e.planRemove(now, c.Remove)
}

func (e *Engine) planAdd(ctx context.Context, now members, node string) ([]*raftpb.ConfChangeSingle, error) {
	at, ok := e.places[node]
	if !ok {
		return nil, refuse("no node %q among the peers", node)
	}
	is := newcomer{ID: e.self.ID}
	if node != e.node.Name {
		var err error
		if is, err = e.ask(ctx, node); err != nil {
			return nil, refuse("%s cannot be added: %v", node, err)
		}
	}
	switch {
	case now.votes(is.ID):
		return nil, refuse("%s is a member already", node)
	case place(is.ID) != at:
		return nil, refuse("%s answers in the name of another node", node)
	case is.Why != "":
		return nil, refuse("%s cannot be added: %s", node, is.Why)
	case slices.Contains(now.Removed, is.ID):
		return nil, refuse("%s cannot be added: %s", node, e.say(verdict{}, node))
	}
	return []*raftpb.ConfChangeSingle{single(raftpb.ConfChangeAddLearnerNode, is.ID)}, nil
}

func (e *Engine) planRemove(now members, node string) ([]*raftpb.ConfChangeSingle, error) {
	id := now.voterAt(e.places[node])
	if e.places[node] == 0 || id == 0 {
		return nil, refuse("%s is no member; the members are %s", node, strings.Join(e.namesOf(now.Voters), " "))
	}
	if len(now.Voters) == 1 {
		return nil, refuse("%s is the last member", node)
	}
	var reached []string
	peers := e.Links.Describe()
	for _, v := range now.Voters {
		if n := e.name(v); v != id && (n == e.node.Name || peers[n].Connected) {
			reached = append(reached, n)
		}
	}
	if need := quorum.Majority(len(now.Voters) - 1); len(reached) < need {
		return nil, refuse("without %s the group would need %d members, and %s reaches %d: %s", node, need, e.node.Name, len(reached), strings.Join(reached, " "))
	}
	return []*raftpb.ConfChangeSingle{single(raftpb.ConfChangeRemoveNode, id)}, nil
}

// newcomer is what a node says of itself that is to be added.
type newcomer struct {
	ID  uint64 `json:"id"`
	Why string `json:"why,omitempty"` // it cannot be
}

// ask is what a node says of itself.
func (e *Engine) ask(ctx context.Context, node string) (newcomer, error) {
	var out newcomer
	r := e.desk.Ask(ctx, node, own{Newcomer: true}.request())
	if r.Error != nil {
		return out, r.Error
	}
	return out, readOwn(r, &out)
}

// introduce is what this node says of itself.
func (e *Engine) introduce() newcomer {
	return newcomer{ID: e.self.ID, Why: e.lost()}
}

// relayed has a member carry out what this node, which is none, was asked of the members.
func (e *Engine) relayed(ctx context.Context, q own) (protocol.Members, error) {
	var out protocol.Members
	r := e.relay(ctx, q.request())
	if r.Error != nil {
		if q.Change != nil && r.Error.Outcome == "" {
			r.Error.Outcome = engine.PerhapsWritten
		}
		return out, r.Error
	}
	return out, readOwn(r, &out)
}

// counts tells whether this node is a voter, as far as it knows. One that is none has others answer its clients.
func (e *Engine) counts() bool {
	return e.told.Load() == nil && e.confirmed.Load() && e.status.Load().Members.votes(e.self.ID)
}
