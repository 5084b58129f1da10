package consensus

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/lapse-test/lapse/quorumkv/defect"
)

const (
	// snapshotPath is where a node serves its state to a follower that is too far behind for its log.
	snapshotPath = "/raft/snapshot"
	// headerGroup names the group, so that a stranger gets nothing.
	headerGroup = "Quorumkv-Group"
	headerFrom  = "Quorumkv-From"
	// snapshotPatience is how long a follower that was told to fetch a snapshot may take to begin before it is told again.
	snapshotPatience = 5 * time.Second
)

// snapshotPath is that of this group.
func (e *Engine) snapshotPath() string {
	if e.opts.Service == "" {
		return snapshotPath
	}
	return snapshotPath + "/" + e.opts.Service
}

// fetched is a snapshot that was received, or why not.
type fetched struct {
	message *raftpb.Message // that told of it
	staged  staged
	err     error
}

// fetch receives the leader's state in the background, once at a time; the library hears of it when all is there.
func (l *loop) fetch(m *raftpb.Message) {
	if l.fetches {
		return
	}
	l.fetches = true
	from, generation := l.e.name(m.GetFrom()), l.machine.generation
	l.e.Background.Go(func() {
		s, err := l.e.snapshotOf(from, generation)
		select {
		case l.fetched <- fetched{m, s, err}:
		case <-l.e.Context.Done():
		}
	})
}

// scheme is how addresses of peers begin.
func (e *Engine) scheme() string {
	if e.node.TLS != nil {
		return "https://"
	}
	return "http://"
}

func (e *Engine) fetch(from string, generation uint64) (staged, error) {
	req, err := http.NewRequestWithContext(e.Context, http.MethodGet, e.scheme()+e.Links.Addr(from, "")+e.snapshotPath(), nil)
	if err != nil {
		return staged{}, fmt.Errorf("ask %s for a snapshot: %w", from, err)
	}
	req.Header.Set(headerGroup, e.ID.Ring)
	req.Header.Set(headerFrom, strconv.FormatUint(e.self.ID, 10))
	resp, err := e.http.Do(req)
	if err != nil {
		return staged{}, fmt.Errorf("ask %s for a snapshot: %w", from, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return staged{}, fmt.Errorf("ask %s for a snapshot: it answers %s", from, resp.Status)
	}
	return readSnapshot(e.db, generation, resp.Body)
}

// impatient is a client that gives up a connection on which nothing arrives for so long.
func impatient(silence time.Duration, secure *tls.Config) *http.Client {
	d := net.Dialer{Timeout: silence}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   secure,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &impatientConn{c, silence}, nil
		},
	}}
}

type impatientConn struct {
	net.Conn
	silence time.Duration
}

func (c *impatientConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// fetchEnded hands the snapshot to the library, with the position that it really has: it may be later than that of the
// message, for it was read later.
func (l *loop) fetchEnded(f fetched) {
	l.fetches = false
	if f.err != nil {
		l.e.node.Logger.Warn("snapshot not received", "error", f.err)
		return // the leader tells of it again
	}
	l.staged = &f.staged
	if f.staged.members.Epoch == 0 {
		f.staged.members = l.e.first
	}
	f.message.Snapshot = l.log.snapshotAt(f.staged.index, f.staged.term, f.staged.members.state())
	if err := l.raw.Step(f.message); err != nil {
		l.e.node.Logger.Warn("snapshot refused", "error", err)
	}
}

func (l *loop) installSnapshot(rd raft.Ready) error {
	index, term := rd.Snapshot.GetMetadata().GetIndex(), rd.Snapshot.GetMetadata().GetTerm()
	if l.staged == nil || l.staged.index != index {
		return fmt.Errorf("install a snapshot at %d: it was not received", index)
	}
	restart := func(b *pebble.Batch) error { return l.log.restart(b, index, term, rd.HardState) }
	if err := l.machine.install(*l.staged, restart); err != nil {
		return err
	}
	l.staged, l.backlog = nil, nil
	l.log.voters = l.machine.now().state()
	if err := l.log.ApplySnapshot(rd.Snapshot); err != nil {
		return fmt.Errorf("install a snapshot at %d: %w", index, err)
	}
	l.e.snapshots.Add(1)
	l.e.node.Logger.Info("snapshot installed", "position", index)
	l.known()
	return nil
}

// snapshotServed tells the library that a follower has what it was told to fetch, or that it must be told again.
func (l *loop) snapshotServed(id uint64) {
	if _, ok := l.sending[id]; !ok {
		return
	}
	delete(l.sending, id)
	// Whether it has it, the next append will show: a probe costs one message.
	l.raw.ReportSnapshot(id, raft.SnapshotFailure)
}

// serveSnapshot sends this node's state to a follower.
func (e *Engine) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.Header.Get(headerFrom), 10, 64)
	if r.Header.Get(headerGroup) != e.ID.Ring || err != nil || !e.status.Load().Members.has(id) {
		http.Error(w, "this is for members of the group", http.StatusConflict)
		return
	}
	leave, err := e.enter()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	if err := writeSnapshot(e.db, w, e.node.Defects.Has(defect.RetryAppliesTwice)); err != nil {
		e.node.Logger.Warn("snapshot not sent", "to", e.name(id), "error", err)
	}
	select {
	case e.served <- id:
	case <-e.Context.Done():
	}
}
