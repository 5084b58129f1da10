package sharded

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// counts are what happened to transactions since the start.
type counts struct {
	retries, recovered atomic.Int64
	one, across        costs // of transactions that were committed, in one shard and in several
}

// costs add up what transactions took.
type costs struct{ committed, rounds, calls atomic.Int64 }

func (c *counts) committed(across bool, cost engine.Cost) {
	of := &c.one
	if across {
		of = &c.across
	}
	of.committed.Add(1)
	of.rounds.Add(int64(cost.Rounds))
	of.calls.Add(int64(cost.Calls))
}

// writing says that a lock is a writer's. One that cannot be read is taken for that.
func writing(r record.Record) bool {
	var l lock
	return r.Live() && (json.Unmarshal(r.Value, &l) != nil || l.Writer != "")
}

// DefectsChanged implements engine.Engine: all defects are looked at where they act.
func (e *Engine) DefectsChanged() error { return nil }

// Routes implements engine.Engine: those of all groups.
func (e *Engine) Routes() map[string]http.Handler {
	out := map[string]http.Handler{}
	for _, g := range e.shards {
		maps.Copy(out, g.Routes())
	}
	return out
}

// Ring implements engine.Engine: every node holds every key, in its shard.
func (e *Engine) Ring(key string) protocol.Ring {
	r := e.shards[0].Ring(key)
	if key != "" {
		r.Shard = shardName(e.shardOf(key))
	}
	return r
}

// Describe implements engine.Engine. The leader is that of the first shard.
func (e *Engine) Describe(h *protocol.Health) {
	h.Transactions = string(e.opts.Transactions)
	for i := len(e.shards) - 1; i >= 0; i-- {
		e.shards[i].Describe(h)
		if h.Shards == nil {
			h.Shards = map[string]protocol.ShardHealth{}
		}
		h.Shards[shardName(i)] = protocol.ShardHealth{Leader: h.Leader, Term: h.Term, Applied: h.Applied}
	}
	for name, p := range h.Peers {
		for i, g := range e.shards {
			var of protocol.Health
			g.Describe(&of)
			if q := of.Peers[name]; !q.Connected && p.Connected {
				p.Connected, p.Error = false, fmt.Sprintf("%s: %s", shardName(i), q.Error)
			}
		}
		h.Peers[name] = p
	}
}

// Register implements engine.Engine.
func (e *Engine) Register(r prometheus.Registerer) {
	engine.RegisterCounters(r, e.stats.Metrics("a majority of their shards holds", "may be in some log"))
	engine.RegisterCounters(r, map[string]engine.Metric{
		"transactions_retried_total":   {Help: "Transactions that met a lock and were tried again.", Read: e.counts.retries.Load},
		"transactions_recovered_total": {Help: "Transactions that their coordinator had left, and this node settled.", Read: e.counts.recovered.Load},
	})
	for name, c := range map[string]*costs{"one": &e.counts.one, "several": &e.counts.across} {
		engine.RegisterCounters(prometheus.WrapRegistererWith(prometheus.Labels{"shards": name}, r), map[string]engine.Metric{
			"transactions_total":       {Help: "Transactions of POST /txn that were carried out, by whether they were in one shard.", Read: c.committed.Load},
			"transaction_rounds_total": {Help: "Rounds of messages to shards, one after the other, that these took.", Read: c.rounds.Load},
			"transaction_calls_total":  {Help: "Entries of shards' logs that these took.", Read: c.calls.Load},
		})
	}
	for i, g := range e.shards {
		g.RegisterGroup(prometheus.WrapRegistererWith(prometheus.Labels{"group": shardName(i)}, r))
	}
}
