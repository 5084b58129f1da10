package quorumkv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
)

// multiLeaderInfo is what mode multi-leader has of its own. With siblings the client merges, which it can do with sets and registers, and not
// with totals of counters.
func multiLeaderInfo(i *targets.Info, conflicts multileader.Conflicts) {
	i.Summary = "the project's own replicated store with a leader in each region"
	i.ReadLevels, i.WriteLevels = multileader.ReadLevels(), multileader.WriteLevels()
	i.Funcs = []history.Func{history.Read, history.Write, history.Delete, history.Add, history.Remove, history.ReadSet, history.Clear, history.Increment, history.ReadCounter}
	if conflicts == multileader.Siblings {
		i.Funcs = []history.Func{history.Read, history.Write, history.Add, history.ReadSet}
	}
	i.MinNodes = 2
	i.Options = append(i.Options,
		targets.Option{Name: optRegions, Default: "2", Help: "parts of the nodes, by their names, with a leader each"},
		targets.Option{Name: optConflicts, Default: string(multileader.LastWriteWins), Values: multileader.AllConflicts(), Help: "what becomes of writes that did not know of each other: the last wins, the client merges, or the store does"},
		targets.Option{Name: optExchange, Default: "20ms", Help: "at which leaders send what has changed"},
	)
}

// resolveMultiLeader is Resolve of mode multi-leader, after what all modes have.
func resolveMultiLeader(cfg targets.Config) (targets.Config, error) {
	if err := resolveTimeouts(cfg, optExchange); err != nil {
		return cfg, err
	}
	opts := multileader.Options{Conflicts: multileader.Conflicts(cfg.Options[optConflicts])}
	var err error
	if opts.Regions, err = strconv.Atoi(cfg.Options[optRegions]); err != nil {
		return cfg, targets.Usagef("--set %s=%s: must be a number of regions", optRegions, cfg.Options[optRegions])
	}
	if opts.ExchangeInterval, err = time.ParseDuration(cfg.Options[optExchange]); err == nil {
		err = opts.Validate(make([]string, cfg.Nodes))
	}
	if err != nil {
		return cfg, targets.Usagef("--set: %v", err)
	}
	return resolveLevels(cfg, multileader.Mode, multileader.ReadLevels(), multileader.WriteLevels())
}

// multiLeaderPromises is the table of mode multi-leader. A set from which elements are removed is read with some of them for as long as the
// node that is asked has not heard of it, which the model of sets without that excuse does not allow.
func multiLeaderPromises(cfg targets.Config, funcs []history.Func) map[string]bool {
	out := targets.Promised{}
	out.ReadBehind()
	conflicts := multileader.Conflicts(cfg.Options[optConflicts])
	if conflicts == multileader.LastWriteWins {
		out.Set(false, models.NoLostWrites, models.CounterEventual, models.Set, models.SetEventual)
	}
	if cfg.Options[optFsync] != "true" {
		out.LoseWrites()
		return out
	}
	out[models.Eventual] = true
	if conflicts == multileader.LastWriteWins {
		return out
	}
	out[models.SetEventual] = true
	if !slices.Contains(funcs, history.Remove) && !slices.Contains(funcs, history.Clear) {
		out[models.Set] = true
	}
	if conflicts == multileader.CRDT {
		out[models.CounterEventual] = true
	}
	return out
}

// regionalSystem is a running store in mode multi-leader.
type regionalSystem struct{ *System }

var (
	_ ability.DataCentred = (*regionalSystem)(nil)
	_ targets.System      = (*regionalSystem)(nil)
)

// DataCentres implements ability.DataCentred: the regions.
func (s *regionalSystem) DataCentres() map[string]string {
	out := map[string]string{}
	n, err := strconv.Atoi(s.cfg.Options[optRegions])
	if err != nil {
		return out // Resolve has read it
	}
	for _, r := range multileader.Regions(s.nodes, n) {
		for _, node := range r.Nodes {
			out[node] = r.Name
		}
	}
	return out
}

// keepsSiblings tells whether writes must say what they replace.
func (s *System) keepsSiblings() bool {
	return s.cfg.Options[optMode] == multileader.Mode && s.cfg.Options[optConflicts] == string(multileader.Siblings)
}

// doTyped does what is not done by a read or a write of one value: with counters and sets, and all of a client that merges. done is
// false for what is.
func (c *session) doTyped(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, done bool, err error) {
	m := &txn.Mops[0]
	level := c.system.cfg.WriteLevel
	var w protocol.Written
	switch {
	case c.system.cfg.Fields > 0:
		note, err := c.field(ctx, conn, key, txn)
		return note, true, err
	case m.Func == history.Clear:
		return "", true, &client.Error{Failure: protocol.Failure{Outcome: protocol.NotWritten, Message: "fields of maps are cleared here, and this is a set of its own"}}
	case c.system.keepsSiblings():
		return c.merge(ctx, conn, key, txn)
	case m.Func == history.Add:
		w, err = conn.SetAdd(ctx, key, element(m.Arg), level)
	case m.Func == history.Remove:
		w, err = conn.SetRemove(ctx, key, element(m.Arg), level)
	case m.Func == history.Increment:
		w, err = conn.Increment(ctx, key, int64(m.Arg), level)
	case m.Func == history.ReadSet:
		got, err := conn.Elements(ctx, key, c.level())
		if err != nil {
			return "", true, err
		}
		txn.SetList(0, c.elements(got.Elements))
		return "answered by " + strings.Join(got.Answered, " "), true, nil
	case m.Func == history.ReadCounter:
		got, err := conn.Total(ctx, key, c.level())
		if err != nil {
			return "", true, err
		}
		txn.SetRead(0, history.Value(got.Total))
		return "answered by " + strings.Join(got.Answered, " "), true, nil
	default:
		return "", false, nil
	}
	return ackedNote(w), true, err
}

func element(v history.Value) string { return strconv.FormatInt(int64(v), 10) }

func (c *session) elements(texts []string) []history.Value {
	out := make([]history.Value, 0, len(texts))
	for _, t := range texts {
		if v, err := strconv.ParseInt(t, 10, 64); err == nil {
			out = append(out, history.Value(v))
		} else {
			out = append(out, c.text(t))
		}
	}
	return out
}

// errMerge is a write that was not sent, because what it replaces could not be read.
var errMerge = errors.New("what is to be merged could not be read")

// merge is a client of siblings, as those of Dynamo's shopping cart are: it reads all values of the key, merges sets by union, of registers takes the
// largest value, and writes over what it has read.
func (c *session) merge(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, done bool, err error) {
	m := &txn.Mops[0]
	level := c.level()
	if m.Func.Writes() {
		level = multileader.LevelLeader
	}
	got, err := conn.Get(ctx, key, level, "")
	switch {
	case err != nil && m.Func.Writes():
		return "", true, &client.Error{Failure: protocol.Failure{Code: client.CodeNoAnswer, Outcome: protocol.NotWritten, Message: fmt.Sprintf("%v: %v", errMerge, inHistory(err))}}
	case err != nil:
		return "", true, err
	}
	var siblings [][]byte
	var seen []byte
	if got != nil {
		siblings, seen = got.Siblings, got.Context
		note = fmt.Sprintf("%d values, %s", len(siblings), readNote(got))
	}
	switch m.Func {
	case history.Read:
		txn.SetRead(0, history.Absent)
		var values []history.Value
		for _, s := range siblings {
			values = append(values, c.elements([]string{string(s)})...)
		}
		if len(values) > 0 {
			txn.SetRead(0, slices.Max(values))
		}
		return note, true, nil
	case history.ReadSet:
		all, err := unite(siblings)
		txn.SetList(0, c.elements(all))
		return note, true, err
	}
	value := []byte(element(m.Arg))
	if m.Func == history.Add {
		all, err := unite(siblings)
		if err == nil {
			value, err = json.Marshal(append(all, element(m.Arg)))
		}
		if err != nil {
			return "", true, &client.Error{Failure: protocol.Failure{Outcome: protocol.NotWritten, Message: err.Error()}}
		}
	}
	w, err := conn.PutSeen(ctx, key, value, seen, c.system.cfg.WriteLevel)
	return ackedNote(w), true, err
}

// unite is the union of sets, each a JSON array.
func unite(siblings [][]byte) ([]string, error) {
	var out []string
	for _, s := range siblings {
		var one []string
		if err := json.Unmarshal(s, &one); err != nil {
			return nil, fmt.Errorf("a set that is none: %w", err)
		}
		out = append(out, one...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
