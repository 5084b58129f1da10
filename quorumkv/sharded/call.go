package sharded

import (
	"encoding/json"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// verb is what a call asks a shard to do.
type verb string

const (
	execute verb = "execute" // carry out operations that no other shard has a part in
	prepare verb = "prepare" // lock, and vote
	decide  verb = "decide"  // note a decision, or tell the one that there is
	finish  verb = "finish"  // carry out what was decided, and unlock
	forget  verb = "forget"  // decisions to commit that all have carried out
)

// call is an entry of a shard's log.
type call struct {
	Verb   verb        `json:"verb"`
	Txn    string      `json:"txn,omitempty"`
	Txns   []string    `json:"txns,omitempty"`   // of forget
	Ops    []engine.Op `json:"ops,omitempty"`    // of execute and prepare: those of this shard
	Limit  int         `json:"limit,omitempty"`  // of execute and prepare: bytes of a value
	Home   int         `json:"home,omitempty"`   // of prepare: the shard that has the decision
	Shards []int       `json:"shards,omitempty"` // of prepare and decide: all that take part
	Commit bool        `json:"commit,omitempty"` // of decide and finish
	Begun  uint64      `json:"begun,omitempty"`  // of decide: a position of the log before which nobody had heard of the transaction
	Free   bool        `json:"free,omitempty"`   // of execute and prepare: reads neither lock nor look at locks
	Early  bool        `json:"early,omitempty"`  // of prepare: reads do not lock, by the coordinator's defect
}

// status is what became of a call.
type status string

const (
	done     status = "done"
	conflict status = "conflict" // a key is locked by another transaction; nothing was done
	refused  status = "refused"  // a condition does not hold; nothing was done
	unknown  status = "unknown"  // the shard has no such transaction prepared
)

// answer is what a shard says to a call.
type answer struct {
	Status  status          `json:"status"`
	Why     string          `json:"why,omitempty"`
	Reads   []record.Record `json:"reads,omitempty"`
	Commit  bool            `json:"commit,omitempty"` // of decide: what stands
	Version record.Version  `json:"version,omitzero"` // of what execute has written
}

func (a answer) marshal() ([]byte, error) { return json.Marshal(a) }

// prepared is what a shard keeps of a transaction in which it has voted to commit.
type prepared struct {
	Home   int         `json:"home"`
	Shards []int       `json:"shards"`
	Ops    []engine.Op `json:"ops"`
	Limit  int         `json:"limit"`
	Locked []string    `json:"locked"` // keys
}

// decision is what the home shard keeps.
type decision struct {
	Commit bool  `json:"commit"`
	Shards []int `json:"shards"`
}

// lock is who holds a key: one writer, or readers.
type lock struct {
	Writer  string   `json:"writer,omitempty"`
	Readers []string `json:"readers,omitempty"`
}

// The keys of a shard's state begin with what they are about. Keys of clients come after keyData, so that they meet no others.
const (
	keyData     = "d"
	keyLock     = "l"
	keyPrepared = "p"
	keyDecision = "c"
	keyExpiry   = "x" // of decisions to abort, by position
)
