package sharded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// window is for how many entries of its log the home shard remembers a decision to abort, and how many may lie between a transaction's
// begin and its commit.
const window = 1 << 16

// expired is how many decisions a decision removes that are out of the window.
const expired = 4

// state is what a shard's calls read and change: consensus.State, at one position of the log.
type state interface {
	Index() uint64
	Get(key string) (record.Record, error)
	Put(key string, value []byte) error
	Delete(key string) error
	Remove(key string) error
	Scan(prefix string, limit int) ([]consensus.Pair, error)
}

// shard carries out calls, on each node in the order of the log: by the state and the call alone, so that all nodes come to the same.
type shard struct{}

// apply is the shard's consensus.Procedure.
func (s *shard) apply(st state, body []byte) (answer, error) {
	c, malformed := parse(body)
	if malformed != "" {
		return answer{Status: refused, Why: "malformed call: " + malformed}, nil
	}
	switch c.Verb {
	case execute:
		return s.execute(st, c)
	case prepare:
		return s.prepare(st, c)
	case decide:
		return s.decide(st, c)
	case finish:
		return s.finish(st, c)
	case forget:
		return s.forget(st, c)
	}
	return answer{Status: refused, Why: fmt.Sprintf("there is no call %q", c.Verb)}, nil
}

// parse reads a call, and says what is wrong with it: that is an answer, as an error would end the node.
func parse(body []byte) (c call, malformed string) {
	if err := json.Unmarshal(body, &c); err != nil {
		return c, err.Error()
	}
	return c, ""
}

// read finds a key of clients.
func read(st state) func(string) (record.Record, error) {
	return func(key string) (record.Record, error) { return st.Get(keyData + key) }
}

// try evaluates a call's operations if no lock of another forbids it.
func (s *shard) try(st state, c call) (effects, answer, error) {
	writes := written(c.Ops)
	for _, op := range c.Ops {
		l, err := locked(st, op.Key)
		if err != nil {
			return effects{}, answer{}, err
		}
		write := writes[op.Key]
		if l.Writer != "" && (write || !c.Free) || write && len(l.Readers) > 0 {
			return effects{}, answer{Status: conflict, Why: "a key is locked by another transaction"}, nil
		}
	}
	e, err := evaluate(c.Ops, c.Limit, read(st))
	if err != nil {
		return e, answer{}, err
	}
	if e.refuse != "" {
		return e, answer{Status: refused, Why: e.refuse}, nil
	}
	return e, answer{Status: done, Reads: e.reads}, nil
}

func (s *shard) execute(st state, c call) (answer, error) {
	e, a, err := s.try(st, c)
	if err != nil || a.Status != done {
		return a, err
	}
	a.Version = record.Version{Time: hlc.Timestamp(st.Index())}
	return a, store(st, e)
}

func (s *shard) prepare(st state, c call) (answer, error) {
	_, a, err := s.try(st, c)
	if err != nil || a.Status != done {
		return a, err
	}
	p := prepared{Home: c.Home, Shards: c.Shards, Limit: c.Limit}
	writes := written(c.Ops)
	for _, op := range c.Ops {
		if op.Writes() {
			p.Ops = append(p.Ops, op)
		}
		if slices.Contains(p.Locked, op.Key) || !writes[op.Key] && (c.Free || c.Early) {
			continue
		}
		p.Locked = append(p.Locked, op.Key)
		l, err := locked(st, op.Key)
		if err != nil {
			return a, err
		}
		if writes[op.Key] {
			l.Writer = c.Txn
		} else {
			l.Readers = append(l.Readers, c.Txn)
		}
		if err := keep(st, keyLock+op.Key, l); err != nil {
			return a, err
		}
	}
	return a, keep(st, keyPrepared+c.Txn, p)
}

// finish carries out what was decided. A transaction that is not prepared here has been finished before, or never will be prepared with
// an effect.
func (s *shard) finish(st state, c call) (answer, error) {
	var p prepared
	there, err := load(st, keyPrepared+c.Txn, &p)
	if err != nil || !there {
		return answer{Status: unknown}, err
	}
	if c.Commit {
		e, err := evaluate(p.Ops, p.Limit, read(st))
		if err != nil {
			return answer{}, err
		}
		if e.refuse != "" {
			return answer{}, errors.New("a transaction that was prepared cannot be carried out: " + e.refuse)
		}
		if err := store(st, e); err != nil {
			return answer{}, err
		}
	}
	for _, key := range p.Locked {
		if err := unlock(st, key, c.Txn); err != nil {
			return answer{}, err
		}
	}
	return answer{Status: done}, st.Remove(keyPrepared + c.Txn)
}

// decide notes a decision unless there is one, and tells the one that stands. A commit that comes so late that a decision to abort
// may be forgotten is one to abort.
func (s *shard) decide(st state, c call) (answer, error) {
	var d decision
	there, err := load(st, keyDecision+c.Txn, &d)
	if err != nil || there {
		return answer{Status: done, Commit: d.Commit}, err
	}
	d = decision{Commit: c.Commit && c.Begun+window >= st.Index(), Shards: c.Shards}
	if err := keep(st, keyDecision+c.Txn, d); err != nil {
		return answer{}, err
	}
	if !d.Commit {
		if err := st.Put(expiryKey(st.Index()), []byte(c.Txn)); err != nil {
			return answer{}, err
		}
	}
	return answer{Status: done, Commit: d.Commit}, expire(st)
}

// expire removes the oldest decisions to abort that are out of the window.
func expire(st state) error {
	oldest, err := st.Scan(keyExpiry, expired)
	if err != nil {
		return err
	}
	for _, o := range oldest {
		if uint64(o.Record.Version.Time)+window >= st.Index() {
			return nil
		}
		if err := errors.Join(st.Remove(o.Key), st.Remove(keyDecision+string(o.Record.Value))); err != nil {
			return err
		}
	}
	return nil
}

func expiryKey(index uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte(keyExpiry), index))
}

// forget removes decisions to commit; one to abort expires.
func (s *shard) forget(st state, c call) (answer, error) {
	for _, txn := range c.Txns {
		var d decision
		there, err := load(st, keyDecision+txn, &d)
		if err == nil && there && d.Commit {
			err = st.Remove(keyDecision + txn)
		}
		if err != nil {
			return answer{}, err
		}
	}
	return answer{Status: done}, nil
}

// written are the keys that operations write.
func written(ops []engine.Op) map[string]bool {
	out := map[string]bool{}
	for _, op := range ops {
		if op.Writes() {
			out[op.Key] = true
		}
	}
	return out
}

// store puts what was written into the state.
func store(st state, e effects) error {
	for _, key := range e.keys {
		r := e.after[key]
		var err error
		if r.Tombstone {
			err = st.Delete(keyData + key)
		} else {
			err = st.Put(keyData+key, r.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func locked(st state, key string) (lock, error) {
	var l lock
	_, err := load(st, keyLock+key, &l)
	return l, err
}

func unlock(st state, key, txn string) error {
	l, err := locked(st, key)
	if err != nil {
		return err
	}
	if l.Writer == txn {
		l.Writer = ""
	}
	l.Readers = slices.DeleteFunc(l.Readers, func(r string) bool { return r == txn })
	if l.Writer == "" && len(l.Readers) == 0 {
		return st.Remove(keyLock + key)
	}
	return keep(st, keyLock+key, l)
}

func load(st state, key string, into any) (there bool, err error) {
	r, err := st.Get(key)
	if err != nil || !r.Live() {
		return false, err
	}
	if err := json.Unmarshal(r.Value, into); err != nil {
		return false, fmt.Errorf("read %q: %w", key, err)
	}
	return true, nil
}

func keep(st state, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %q: %w", key, err)
	}
	return st.Put(key, b)
}
