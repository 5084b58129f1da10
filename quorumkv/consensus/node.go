package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/lapse-test/lapse/quorumkv/defect"
)

const (
	electionTicks = 10 // after so many without a leader an election is called, and up to twice as many
	inbox         = 4096
	drain         = 256 // messages and requests that one turn of the loop takes at most
)

// status is what the loop tells everybody else of itself.
type status struct {
	Leader          string // empty when none is known
	Leading         bool
	Term            uint64
	Applied, Commit uint64
	Members         members
	FreshAsOf       time.Time // all that was acknowledged before is applied; zero when no such moment is known
	Waiting         string    // why a node that is being added is no voter yet; known to the leader alone
}

// loop owns the raft library's state machine, the log and the replicated state: all is done in one goroutine.
type loop struct {
	e       *Engine
	raw     *raft.RawNode
	log     *disklog
	machine *machine
	lease   lease

	writes  writes
	reads   reads
	fetched chan fetched
	staged  *staged
	fetches bool                 // whether a snapshot is being received
	sending map[uint64]time.Time // followers that were told to fetch a snapshot, and when

	disks   disks
	knownBy []string  // who has said that they know this directory, until enough have
	joining []string  // first members that do not say, as they were started to join
	managed time.Time // when the end of a change was last proposed
	waiting string

	status  status
	backlog []*raftpb.Entry // what the defect read-before-apply has yet to apply

	commands []command // room for those that are being applied
	done     []done    // and for what became of them
}

// done is what became of a request, by its name.
type done struct {
	id  string
	out outcome
}

func newLoop(e *Engine, log *disklog, m *machine) (*loop, error) {
	raw, err := raft.NewRawNode(&raft.Config{
		ID: e.self.ID, ElectionTick: electionTicks, HeartbeatTick: 1, Storage: log, Applied: m.applied,
		MaxSizePerMsg: 512 << 10, MaxCommittedSizePerReady: 4 << 20, MaxUncommittedEntriesSize: 64 << 20, MaxInflightMsgs: 256,
		CheckQuorum: true, PreVote: true, StepDownOnRemoval: true, Logger: raftLogger{e.node.Logger},
	})
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	known, err := openDisks(e.db, log.sync)
	if err != nil {
		return nil, err
	}
	return &loop{e: e, raw: raw, log: log, machine: m, disks: known, fetched: make(chan fetched, 1), sending: map[uint64]time.Time{},
		writes: newWrites(), reads: newReads()}, nil
}

// run turns until ctx ends. An error is one of the disk: what was promised can no longer be kept.
func (l *loop) run(ctx context.Context) error {
	tick := time.NewTicker(l.e.tick())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.ticked(); err != nil {
				return err
			}
		case m := <-l.e.messages:
			if err := l.received(m); err != nil {
				return err
			}
		case p := <-l.e.proposals:
			l.propose(p)
		case c := <-l.e.changes:
			l.change(c)
		case r := <-l.e.readRequests:
			l.reads.queue = append(l.reads.queue, r)
		case f := <-l.fetched:
			l.fetchEnded(f)
		case id := <-l.e.served:
			l.snapshotServed(id)
		}
		if err := l.drain(); err != nil {
			return err
		}
		if err := l.settle(); err != nil {
			return err
		}
	}
}

// settle carries out all that the library decides by what it was told.
func (l *loop) settle() error {
	l.giveOffered()
	l.startReads()
	for l.raw.HasReady() {
		if err := l.ready(); err != nil {
			return err
		}
		l.giveOffered()
		l.startReads()
	}
	return nil
}

// drain takes what else is there, so that one sync serves many.
func (l *loop) drain() error {
	for range drain {
		select {
		case m := <-l.e.messages:
			if err := l.received(m); err != nil {
				return err
			}
		case p := <-l.e.proposals:
			l.propose(p)
		case r := <-l.e.readRequests:
			l.reads.queue = append(l.reads.queue, r)
		default:
			return nil
		}
	}
	return nil
}

func (l *loop) ticked() error {
	switch {
	case l.e.told.Load() != nil: // it has no voice
	case !l.e.confirmed.Load():
		l.introduceSelf()
	default:
		l.raw.Tick()
	}
	late := l.backlog
	l.backlog = nil
	if err := l.applyNow(late); err != nil {
		return err
	}
	l.repropose(false)
	l.reads.dropGone()
	l.retryReads()
	if l.status.Leading {
		l.renewLease()
	}
	l.finishChange()
	for id, since := range l.sending {
		if time.Since(since) > snapshotPatience {
			l.snapshotServed(id)
		}
	}
	return nil
}

// received takes a message of a peer. An error is one of the disk.
func (l *loop) received(m message) error {
	switch m.kind {
	case kindLeaseAsk:
		l.answerLease(m)
		return nil
	case kindLeaseAnswer:
		l.leaseAnswered(m)
		return nil
	case kindVerdict:
		return l.sentenced(m)
	case kindIntroduce:
		return l.introduced(m)
	case kindKnown:
		return l.knows(m)
	case kindJoins:
		l.joins(m)
		return nil
	}
	if admitted, err := l.admit(m); err != nil || !admitted {
		return err
	}
	switch m.raft.GetType() {
	case raftpb.MessageType_MsgVote, raftpb.MessageType_MsgPreVote:
		// A leader's lease rests on the followers that heard of it. Before its restart this node may have been one.
		if l.e.oldLife && time.Since(l.e.started) < l.e.election() {
			return nil
		}
	case raftpb.MessageType_MsgReadIndex:
		if l.unsure() {
			return nil // it is asked again
		}
	case raftpb.MessageType_MsgSnap:
		l.fetch(m.raft)
		return nil
	}
	if err := l.raw.Step(m.raft); err != nil && !errors.Is(err, raft.ErrProposalDropped) {
		l.e.node.Logger.Debug("message refused", "from", m.from, "type", m.raft.GetType().String(), "error", err)
	}
	return nil
}

// ready carries out what the library has decided: first what must be durable, then what others may hear, then what
// is committed. A leader does not let others wait for its disk: it counts itself only once that has the entries, so that its followers may write them at the
// same time, and what is committed, or read, has nothing to do with entries that are not.
func (l *loop) ready() error {
	leading := l.raw.BasicStatus().RaftState == raft.StateLeader
	rd := l.raw.Ready()
	committed := rd.CommittedEntries
	if leading {
		l.send(rd.Messages)
		now := onDisk(committed, rd.Entries)
		if err := l.carryOut(now, rd.ReadStates); err != nil {
			return err
		}
		committed, rd.ReadStates = committed[len(now):], nil
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := l.installSnapshot(rd); err != nil {
			return err
		}
	}
	if err := l.log.save(rd.HardState, rd.Entries, rd.MustSync); err != nil {
		return err
	}
	if !leading {
		l.send(rd.Messages)
	}
	if leading && l.has(defect.AckBeforeCommit) {
		l.ackAppended(rd.Entries)
	}
	if err := l.carryOut(committed, rd.ReadStates); err != nil {
		return err
	}
	l.raw.Advance(rd)
	l.publish()
	l.releaseReads()
	return l.compact()
}

// onDisk are those of the committed entries that come before the unstable ones, which this node has yet to save.
func onDisk(committed, unstable []*raftpb.Entry) []*raftpb.Entry {
	if len(committed) == 0 || len(unstable) == 0 || committed[len(committed)-1].GetIndex() < unstable[0].GetIndex() {
		return committed
	}
	n := 0
	for committed[n].GetIndex() < unstable[0].GetIndex() {
		n++
	}
	return committed[:n]
}

// carryOut applies what is committed, and answers who waits for that or for a confirmation.
func (l *loop) carryOut(committed []*raftpb.Entry, reads []raft.ReadState) error {
	if err := l.apply(committed); err != nil {
		return err
	}
	for _, s := range reads {
		l.confirmed(s)
	}
	l.releaseReads()
	return nil
}

func (l *loop) has(d defect.Defect) bool { return l.e.node.Defects.Has(d) }

// publish tells everybody else where this node is, and proposes and asks again what a change of leaders may have lost.
func (l *loop) publish() {
	b := l.raw.BasicStatus()
	s := status{Leader: l.e.name(b.Lead), Leading: b.RaftState == raft.StateLeader, Term: b.GetTerm(), Applied: l.machine.applied, Commit: b.GetCommit(),
		Members: l.machine.now(), FreshAsOf: l.reads.fresh, Waiting: l.waiting}
	if l.e.told.Load() != nil { // whatever it was, it hears nobody any more
		s.Leader, s.Leading = "", false
	}
	before := l.status
	l.status = s
	l.e.status.Store(&s)
	if s.Leader == before.Leader && s.Term == before.Term {
		return
	}
	if !l.has(defect.LeaseTrustsClock) {
		l.lease = lease{}
	}
	if s.Leader != "" {
		l.e.node.Logger.Info("leader", "node", s.Leader, "term", s.Term)
		l.repropose(true)
		l.reads.restart()
	}
}

// apply applies committed entries; with the defect read-before-apply they are left for the next tick.
func (l *loop) apply(entries []*raftpb.Entry) error {
	if l.has(defect.ReadBeforeApply) || len(l.backlog) > 0 {
		l.backlog = append(l.backlog, entries...)
		return nil
	}
	return l.applyNow(entries)
}

// applyNow hands committed entries to the machine, and their outcomes to who waits for them.
func (l *loop) applyNow(entries []*raftpb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	commands, reads := l.commands[:0], false
	for _, e := range entries {
		var c command
		if e.GetType() == raftpb.EntryType_EntryNormal && len(e.GetData()) > 0 {
			var err error
			if c, err = parseCommand(e.GetData()); err != nil {
				return fmt.Errorf("entry %d: %w", e.GetIndex(), err)
			}
		}
		commands, reads = append(commands, c), reads || c.reads()
	}
	s := l.machine.begin(reads)
	all := l.done[:0]
	for i, e := range entries {
		switch c := commands[i]; {
		case e.GetType() != raftpb.EntryType_EntryNormal:
			l.machine.applied, l.machine.term = e.GetIndex(), e.GetTerm()
			if err := l.applyChange(s, e); err != nil {
				return fmt.Errorf("entry %d: %w", e.GetIndex(), err)
			}
		case len(e.GetData()) == 0:
			l.machine.applied, l.machine.term = e.GetIndex(), e.GetTerm() // a new leader's first entry
		default:
			out, err := s.apply(e.GetIndex(), e.GetTerm(), c)
			if err != nil {
				return err
			}
			if len(l.writes.waiting[c.ID]) > 0 { // an answer may be large, and nobody else needs it
				all = append(all, done{c.ID, out})
			}
		}
	}
	if err := s.commit(); err != nil {
		return err
	}
	for _, d := range all {
		l.writes.finish(d.id, d.out)
	}
	clear(commands)
	clear(all)
	l.commands, l.done = commands, all
	return nil
}

// compact keeps the log short: the entries that followers may still ask for, and up to a quarter more; where that are few, up to twice as many. All of them are in memory.
func (l *loop) compact() error {
	first, err := l.log.FirstIndex()
	if err != nil {
		return fmt.Errorf("compact the log: %w", err)
	}
	keep := uint64(l.e.opts.LogEntries)
	if more := min(keep, max(keep/4, 256)); l.machine.applied < first+keep+more {
		return nil
	}
	return l.log.compact(l.machine.applied - keep)
}

// send hands messages to the links; what is lost is sent again by the library.
func (l *loop) send(messages []*raftpb.Message) {
	for _, m := range messages {
		to := m.GetTo()
		body := make([]byte, 0, 1+addressSize+proto.Size(m))
		body = l.disks.address(append(body, byte(kindRaft)), l.e.self.Disk, to)
		body, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(body, m)
		if err == nil {
			err = l.e.deliver(l.e.name(to), body)
		}
		snapshot := m.GetType() == raftpb.MessageType_MsgSnap
		switch {
		case err != nil && snapshot:
			l.raw.ReportSnapshot(to, raft.SnapshotFailure)
		case err != nil:
			l.raw.ReportUnreachable(to)
		case snapshot:
			l.sending[to] = time.Now()
		}
	}
}
