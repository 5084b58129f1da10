package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/api"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/targets"
)

// shardedInfo is what mode sharded has of its own.
func shardedInfo(i *targets.Info) {
	i.Summary = "the project's own replicated store in shards, with transactions across them"
	i.ReadLevels, i.WriteLevels = sharded.ReadLevels(), []string{consensus.LevelMajority}
	i.MaxTxn = api.MaxOps / 2 // a transfer is two of the store's operations
	i.Funcs = []history.Func{history.Read, history.Write, history.CAS, history.Delete, history.Append, history.ReadList, history.Transfer}
	ways := sharded.AllTransactions()
	i.Options = append(i.Options,
		targets.Option{Name: optShards, Default: "2", Help: "raft groups of all nodes, each with a part of the keys by their hash"},
		targets.Option{Name: optTransactions, Default: ways[0], Values: ways, Help: "how transactions go across shards"},
		targets.Option{Name: optElection, Default: "400ms", Help: "without a leader, after which a shard elects one"},
		targets.Option{Name: optLogEntries, Default: "10000", Help: "entries kept for followers that lag; they get a snapshot for earlier ones"},
	)
}

// resolveSharded is Resolve of mode sharded, after what all modes have.
func resolveSharded(cfg targets.Config) (targets.Config, error) {
	if cfg.Tenants != 0 {
		return cfg, targets.Usagef("--set %s=%s: has no listing of keys, which tenants need; there is %s=leaderless", optMode, sharded.Mode, optMode)
	}
	if err := resolveTimeouts(cfg, optElection); err != nil {
		return cfg, err
	}
	o := sharded.Options{Transactions: sharded.Transactions(cfg.Options[optTransactions])}
	for name, into := range map[string]*int{optShards: &o.Shards, optLogEntries: &o.LogEntries} {
		var err error
		if *into, err = strconv.Atoi(cfg.Options[name]); err != nil {
			return cfg, targets.Usagef("--set %s=%s: must be a number", name, cfg.Options[name])
		}
	}
	var err error
	if o.ElectionTimeout, err = time.ParseDuration(cfg.Options[optElection]); err == nil {
		err = o.Validate()
	}
	if err != nil {
		return cfg, targets.Usagef("--set: %v", err)
	}
	return resolveLevels(cfg, sharded.Mode, sharded.ReadLevels(), []string{consensus.LevelMajority})
}

// shardedPromises is the table of mode sharded, for transactions across shards. Where there is one shard every way is as good as the first. The read level is that
// of reads of one register, of which funcs must tell whether there are any: all else is read by transactions.
func shardedPromises(cfg targets.Config, funcs []history.Func) map[string]bool {
	out := targets.Promised{}
	behind := cfg.ReadLevel == consensus.LevelFollower && slices.Contains(funcs, history.Read)
	if sharded.Transactions(cfg.Options[optTransactions]) == sharded.TwoPhaseCommit || cfg.Options[optShards] == "1" {
		out[models.StrictSerializable] = cfg.Options[optFsync] == "true" && !behind
		out[models.Linearizable] = out[models.StrictSerializable]
	} else {
		out.Set(false, models.StrictSerializable, models.Serializable, models.SnapshotIsolation, models.RepeatableRead, models.LongFork, models.Bank)
	}
	if ways := sharded.Transactions(cfg.Options[optTransactions]); (ways == sharded.MemoryCoordinator || ways == sharded.BestEffort) && cfg.Options[optShards] != "1" {
		out[models.ReadCommitted] = false // halves are seen of what was aborted
	}
	if behind {
		out.ReadBehind()
	}
	if cfg.Options[optFsync] != "true" {
		out.LoseWrites()
	}
	return out
}

// transacts tells whether an operation is done by a transaction of the store.
func (c *session) transacts(txn *history.Txn) bool {
	if c.system.cfg.Options[optMode] != sharded.Mode {
		return false
	}
	if len(txn.Mops) > 1 {
		return true
	}
	switch txn.Mops[0].Func {
	case history.Append, history.ReadList, history.Transfer:
		return true
	}
	return false
}

// errRefused is the error of a transaction of which a condition did not hold.
var errRefused = errors.New("a condition of the transaction does not hold")

// errAborted is the error of one that another was in the way of.
var errAborted = errors.New("another transaction had what this one needed")

// transact carries out all micro-operations as one transaction.
func (c *session) transact(ctx context.Context, conn *client.Client, at int, txn *history.Txn) targets.Result {
	var ops []protocol.TxnOp
	writes := false
	for i := range txn.Mops {
		m := &txn.Mops[i]
		made, err := c.ops(m)
		if err != nil {
			return targets.Result{Outcome: history.Fail, Node: at, Err: err}
		}
		writes = writes || m.Func.Writes()
		ops = append(ops, made...)
	}
	done, err := conn.Transact(ctx, ops)
	c.system.transactions.note(c.system.across(ops), done, err)
	if err != nil {
		res := targets.Result{Outcome: Classify(err, writes), Node: at, Err: err}
		var e *client.Error
		if errors.As(err, &e) {
			switch engine.Code(e.Code) {
			case engine.CodeAborted:
				res.Note, res.Err = history.NoteAborted, errAborted
			case engine.CodeConflict:
				res.Note, res.Err = history.NoteRefused, errRefused
			}
		}
		return res
	}
	if err := c.seen(txn, done.Reads); err != nil {
		return targets.Result{Outcome: Classify(err, writes), Node: at, Err: err}
	}
	return targets.Result{Outcome: history.OK, Node: at, Note: fmt.Sprintf("in %d shards", done.Shards)}
}

// ops are the store's operations for a micro-operation.
func (c *session) ops(m *history.Mop) ([]protocol.TxnOp, error) {
	key := c.system.prefix + m.Key.String()
	c.system.wrote(m)
	op := func(kind engine.OpKind, value history.Value) protocol.TxnOp {
		v := strconv.FormatInt(int64(value), 10)
		return protocol.TxnOp{Op: string(kind), Key: key, Value: &v}
	}
	bare := func(kind engine.OpKind) protocol.TxnOp { return protocol.TxnOp{Op: string(kind), Key: key} }
	switch m.Func {
	case history.Read, history.ReadList:
		return []protocol.TxnOp{bare(engine.OpRead)}, nil
	case history.Write:
		return []protocol.TxnOp{op(engine.OpWrite, m.Arg)}, nil
	case history.Delete:
		return []protocol.TxnOp{bare(engine.OpDelete)}, nil
	case history.Append:
		return []protocol.TxnOp{op(engine.OpAppend, m.Arg)}, nil
	case history.CAS:
		if m.Expect == history.Absent {
			compare := bare(engine.OpCompare)
			compare.Absent = true
			return []protocol.TxnOp{compare, op(engine.OpWrite, m.Arg)}, nil
		}
		return []protocol.TxnOp{op(engine.OpCompare, m.Expect), op(engine.OpWrite, m.Arg)}, nil
	case history.Transfer:
		to := c.system.prefix + history.Key(m.Arg).String()
		least, out, in := int64(0), -int64(m.Expect), int64(m.Expect)
		return []protocol.TxnOp{
			{Op: string(engine.OpAdd), Key: key, Add: &out, AtLeast: &least},
			{Op: string(engine.OpAdd), Key: to, Add: &in},
		}, nil
	}
	return nil, fmt.Errorf("quorumkv cannot do %s in a transaction", m.Func)
}

// seen fills in what a transaction read.
func (c *session) seen(txn *history.Txn, reads []protocol.Value) error {
	next := 0
	for i := range txn.Mops {
		f := txn.Mops[i].Func
		if f != history.Read && f != history.ReadList {
			continue
		}
		if next >= len(reads) {
			return fmt.Errorf("the node answered %d reads, and more were asked for", len(reads))
		}
		got := &reads[next]
		next++
		there := got.Value != nil || got.ValueBase64 != nil
		switch {
		case f == history.ReadList:
			txn.SetList(i, c.appended(string(got.Bytes())))
			continue
		case there:
			txn.SetRead(i, c.value(got))
		default:
			txn.SetRead(i, history.Absent)
		}
		if there && got.Version != nil {
			txn.SetVersion(i, got.Version.Int64())
		}
	}
	return nil
}

// appended are the elements of a list.
func (c *session) appended(text string) []history.Value {
	if text == "" {
		return nil
	}
	var out []history.Value
	for part := range strings.SplitSeq(text, ",") {
		out = append(out, c.value(&protocol.Value{Value: &part}))
	}
	return out
}

// firstShards is what the first key that servesShards writes has after a node's readyKey.
const firstShards = "-0"

// servesShards writes a key of every shard in one transaction.
func (s *System) servesShards(ctx context.Context, node string) error {
	shards, err := strconv.Atoi(s.cfg.Options[optShards])
	if err != nil {
		return fmt.Errorf("reading %s: %w", optShards, err)
	}
	run := s.cfg.Run
	keys := map[int]string{}
	var ops []protocol.TxnOp
	for i := 0; len(keys) < shards; i++ {
		key := fmt.Sprintf("%s-%d", s.readyKey(node), i)
		shard := sharded.ShardOf(key, shards)
		if keys[shard] != "" {
			continue
		}
		keys[shard] = key
		s.written.add(kept{key: key})
		ops = append(ops, protocol.TxnOp{Op: string(engine.OpWrite), Key: key, Value: &run})
	}
	if _, err := s.admin[node].Transact(ctx, ops); err != nil {
		return fmt.Errorf("writing a key of every shard through %s: %w", node, err)
	}
	return nil
}
