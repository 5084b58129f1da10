package quorumkv

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/wire"
)

// session is one session: a connection of its own to each node that it asks. The
// store has no sessions, so that nothing but these connections is carried along.
type session struct {
	system *System
	text   func(string) history.Value
	conns  []*client.Client
	// writeBack is the level at which keys are written: blocking read repair
	// has to know it (see the store's README).
	writeBack string
	// readLevel is that of the run, or of reads of one replica.
	readLevel string
	// sticky is for how long after its last write a session at level sticky reads at the leader.
	sticky time.Duration
	// rangeReads is of how many keys a page is that a read asks for; 0 for a read of the key alone.
	rangeReads int
	lastWrite  time.Time
	life       *wire.Life
}

var _ targets.Heir = (*session)(nil)

// Carry implements targets.Heir: the time of the last write.
func (c *session) Carry() targets.Carried { return targets.Carried{LastWrite: c.lastWrite} }

// Carries implements ability.Mortal.
func (s *System) Carries() string { return carries(s.cfg) }

// carries is what sessions of a resolved configuration carry, in words; empty for nothing.
func carries(cfg targets.Config) string {
	if cfg.ReadLevel == readSticky {
		return "the time of its last write"
	}
	return ""
}

// level is that of a read now.
func (c *session) level() string {
	switch {
	case c.readLevel != readSticky:
		return c.readLevel
	case !c.lastWrite.IsZero() && time.Since(c.lastWrite) < c.sticky:
		return singleleader.LevelLeader
	}
	return singleleader.LevelFollower
}

// Open implements targets.System.
func (s *System) Open(_ context.Context, cfg targets.Session) (targets.Client, error) {
	c := &session{system: s, text: cfg.Text, conns: make([]*client.Client, len(s.nodes)), readLevel: s.cfg.ReadLevel, life: cfg.Life}
	c.lastWrite = cfg.Carried.LastWrite
	if cfg.Replica {
		c.readLevel = s.ReplicaLevel()
		return c, nil // without a level to write back at: it is to show what the replica has
	}
	c.rangeReads = rangeReads(s.cfg.Options)
	if s.cfg.Options[optReadRepair] == "blocking" {
		c.writeBack = s.cfg.WriteLevel
	}
	if c.readLevel == readSticky {
		var err error
		if c.sticky, err = time.ParseDuration(s.cfg.Options[optSticky]); err != nil {
			return nil, fmt.Errorf("reading %s: %w", optSticky, err)
		}
	}
	return c, nil
}

// Close implements targets.Client.
func (c *session) Close() error {
	for _, conn := range c.conns {
		if conn != nil {
			conn.Close()
		}
	}
	return nil
}

func (c *session) conn(at int) (*client.Client, error) {
	if c.conns[at] == nil {
		addr, err := c.system.addr(at)
		if err != nil {
			return nil, fmt.Errorf("finding the way to %s: %w", c.system.nodes[at], err)
		}
		dialer := wire.Dialer{Life: c.life}
		c.conns[at] = c.system.client(addr, dialer.DialContext)
	}
	return c.conns[at], nil
}

// Do implements targets.Client.
func (c *session) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	res := c.carryOut(ctx, at, txn)
	res.Err = inHistory(res.Err)
	return res
}

func (c *session) carryOut(ctx context.Context, at int, txn *history.Txn) targets.Result {
	if len(txn.Mops) != 1 && !c.transacts(txn) {
		return targets.Result{Outcome: history.Fail, Node: -1, Err: fmt.Errorf("quorumkv has no transactions in this mode, asked for %d micro-operations", len(txn.Mops))}
	}
	conn, err := c.conn(at)
	if err != nil {
		return targets.Result{Outcome: history.Fail, Node: at, Err: err}
	}
	if c.transacts(txn) {
		return c.transact(ctx, conn, at, txn)
	}
	if txn.Mops[0].Func.Writes() {
		defer func() { c.lastWrite = time.Now() }()
	}
	if m := txn.Mops[0]; m.Func == history.CAS || m.Func == history.Append {
		conn, key := c.system.place(conn, m.Key)
		c.system.wrote(&txn.Mops[0])
		conditional := c.compareAndSet
		if m.Func == history.Append {
			conditional = c.appendTo
		}
		note, outcome, err := conditional(ctx, conn, key, txn)
		return targets.Result{Outcome: outcome, Err: err, Node: at, Note: note}
	}
	note, err := c.do(ctx, conn, txn)
	if err != nil {
		return targets.Result{Outcome: Classify(err, txn.Mops[0].Func.Writes()), Err: err, Node: at}
	}
	return targets.Result{Outcome: history.OK, Node: at, Note: note}
}

func (c *session) do(ctx context.Context, conn *client.Client, txn *history.Txn) (note string, err error) {
	m := &txn.Mops[0]
	conn, key := c.system.place(conn, m.Key)
	cfg := &c.system.cfg
	c.system.wrote(m)
	if note, done, err := c.doTyped(ctx, conn, key, txn); done {
		return note, err
	}
	switch m.Func {
	case history.Scan, history.Backup:
		return c.list(ctx, conn, key, txn)
	case history.Read:
		if c.rangeReads > 0 {
			return c.readRange(ctx, m.Key, conn, key, txn)
		}
		got, err := conn.Get(ctx, key, c.level(), c.writeBack)
		if err != nil {
			return "", err
		}
		if got == nil {
			txn.SetRead(0, history.Absent)
			return "", nil
		}
		txn.SetRead(0, c.value(got))
		if len(got.Context) == 0 { // else it counts what the node knows, and orders nothing
			txn.SetVersion(0, got.Version.Int64())
		}
		return readNote(got), nil
	case history.ReadList:
		got, err := conn.Get(ctx, key, c.level(), "")
		if err != nil {
			return "", err
		}
		txn.SetList(0, nil)
		if got == nil {
			return "", nil
		}
		txn.SetList(0, c.appended(string(got.Bytes())))
		return readNote(got), nil
	case history.Write:
		var done protocol.Written
		if done, err = conn.Put(ctx, key, strconv.AppendInt(nil, int64(m.Arg), 10), cfg.WriteLevel); err == nil {
			txn.SetVersion(0, done.Version.Int64())
		}
		return ackedNote(done), err
	case history.Delete:
		var done protocol.Written
		if done, err = conn.Delete(ctx, key, cfg.WriteLevel); err == nil {
			txn.SetVersion(0, done.Version.Int64())
		}
		return ackedNote(done), err
	}
	return "", fmt.Errorf("quorumkv cannot do %s", m.Func)
}

// value is what the store returned: the integer that some client wrote, or
// whatever else was there, for the checkers to wonder about.
func (c *session) value(got *protocol.Value) history.Value {
	b := got.Bytes()
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return history.Value(v)
	}
	return c.text(string(b))
}

func readNote(v *protocol.Value) string {
	note := "answered by " + strings.Join(v.Answered, " ")
	if len(v.Repaired) > 0 {
		note += ", repaired " + strings.Join(v.Repaired, " ")
	}
	return note
}

func ackedNote(w protocol.Written) string {
	if len(w.Acked) == 0 {
		return ""
	}
	return "acknowledged by " + strings.Join(w.Acked, " ")
}
