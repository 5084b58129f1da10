// Package protocol holds the JSON that a quorumkv node and its clients exchange; README.md
// describes the requests.
package protocol

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Name is what the store is called: its command, and what testers call it by.
const Name = "quorumkv"

// Version names a write. Versions are ordered by number, and between equal numbers by node.
type Version struct {
	// Number is the hybrid logical timestamp as a decimal int64: a string, because JSON numbers lose digits beyond 2^53.
	Number  string `json:"number"`
	WallMS  int64  `json:"wall_ms"`
	Logical uint16 `json:"logical"`
	Node    string `json:"node"`
}

// NewVersion is the JSON form of v; nil for the version of nothing.
func NewVersion(v record.Version) *Version {
	if v.IsZero() {
		return nil
	}
	return &Version{Number: strconv.FormatInt(int64(v.Time), 10), WallMS: v.Time.WallMillis(), Logical: v.Time.Logical(), Node: v.Node}
}

// Int64 is the number of v; zero for nil or a malformed number.
func (v *Version) Int64() int64 {
	if v == nil {
		return 0
	}
	n, err := strconv.ParseInt(v.Number, 10, 64)
	if err != nil || n < 0 || n > int64(hlc.Max) {
		return 0
	}
	return n
}

// Compare orders versions as the replicas do; nil is smaller than all others.
func (v *Version) Compare(o *Version) int {
	if c := cmp.Compare(v.Int64(), o.Int64()); c != 0 || v == nil || o == nil {
		return c
	}
	return strings.Compare(v.Node, o.Node)
}

// HeaderContext is the header of a write with what its client has seen, as a read returned it.
const HeaderContext = "Quorumkv-Context"

// Written answers PUT and DELETE /kv/{key}.
type Written struct {
	Key         string   `json:"key"`
	Version     *Version `json:"version"`
	W           int      `json:"w"`
	Acked       []string `json:"acked"` // replicas that held the write durably when the answer was sent
	Coordinator string   `json:"coordinator"`
}

// Value answers GET /kv/{key} and GET /replica/{key}. Exactly one of Value and ValueBase64 is set: the second
// when the value is not valid UTF-8.
type Value struct {
	Key         string   `json:"key"`
	Value       *string  `json:"value,omitempty"`
	ValueBase64 []byte   `json:"value_base64,omitempty"`
	Version     *Version `json:"version"`
	R           int      `json:"r,omitempty"`
	Answered    []string `json:"answered,omitempty"`
	Repaired    []string `json:"repaired,omitempty"` // replicas that were brought up to date before the answer
	// Siblings are all values that did not know of each other, in modes that keep them: Value or ValueBase64 is one of them. Context
	// names what was read; a write with it replaces that. Both are base64.
	Siblings    [][]byte `json:"siblings,omitempty"`
	Context     []byte   `json:"context,omitempty"`
	Coordinator string   `json:"coordinator,omitempty"`
}

// Total answers GET /counter/{key}.
type Total struct {
	Key         string   `json:"key"`
	Total       int64    `json:"total"`
	Answered    []string `json:"answered,omitempty"`
	Coordinator string   `json:"coordinator"`
}

// Increment asks by POST /counter/{key}: Add may be negative.
type Increment struct {
	Add int64 `json:"add"`
}

// Elements answers GET /set/{key}.
type Elements struct {
	Key         string   `json:"key"`
	Elements    []string `json:"elements"` // sorted
	Answered    []string `json:"answered,omitempty"`
	Coordinator string   `json:"coordinator"`
}

// Change asks by POST /set/{key}: exactly one of its fields is set.
type Change struct {
	Add    string `json:"add,omitempty"`
	Remove string `json:"remove,omitempty"`
}

// Fields answers GET /map/{key}.
type Fields struct {
	Key         string   `json:"key"`
	Fields      []Field  `json:"fields"` // by name, and of one name by type
	Answered    []string `json:"answered,omitempty"`
	Coordinator string   `json:"coordinator"`
}

// Field is a field of a map, of type counter, set or register; the one of the last three that is of its type is set. A register has several values
// where some were written without knowledge of each other.
type Field struct {
	Field    string   `json:"field"`
	Type     string   `json:"type"`
	Total    *int64   `json:"total,omitempty"`
	Elements []string `json:"elements,omitempty"` // sorted
	Values   []string `json:"values,omitempty"`   // sorted
}

// FieldChange asks by POST /map/{key}: Field and exactly one of the others is set.
type FieldChange struct {
	Field     string  `json:"field"`
	Increment int64   `json:"increment,omitempty"` // of the counter, may be negative
	Add       string  `json:"add,omitempty"`       // to the set
	Remove    string  `json:"remove,omitempty"`    // from the set
	Assign    *string `json:"assign,omitempty"`    // to the register
	Drop      bool    `json:"drop,omitempty"`      // the field, of whatever type
}

// Transaction asks by POST /txn: its operations are carried out in their order, as one.
type Transaction struct {
	Ops []TxnOp `json:"ops"`
}

// TxnOp is an operation: read, write, delete, append, add or compare.
type TxnOp struct {
	Op          string  `json:"op"`
	Key         string  `json:"key"`
	Value       *string `json:"value,omitempty"`        // of write, append and compare: this or the next one
	ValueBase64 []byte  `json:"value_base64,omitempty"` // for what is not valid UTF-8
	Add         *int64  `json:"add,omitempty"`          // of add: may be negative
	AtLeast     *int64  `json:"at_least,omitempty"`     // of add: what the sum must be
	Absent      bool    `json:"absent,omitempty"`       // of compare, in place of a value: there must be none
}

// Transacted answers POST /txn.
type Transacted struct {
	Reads       []Value `json:"reads"` // one for each read, in their order; without a value where there is none
	Shards      int     `json:"shards"`
	Attempts    int     `json:"attempts"` // 1, and one more for each that met a lock
	Rounds      int     `json:"rounds"`   // of messages to shards, one after the other, in all attempts
	Calls       int     `json:"calls"`    // entries of shards' logs, in all attempts
	Coordinator string  `json:"coordinator"`
}

// Listing answers GET /keys and GET /backup, a page of a tenant's keys with their values, and GET /range, a page of a range of keys.
type Listing struct {
	Tenant string  `json:"tenant,omitempty"`
	Keys   []Value `json:"keys"` // in the order of bytes
	// After is what to ask for the next page with, if there may be one; it may be empty of keys.
	After       string   `json:"after,omitempty"`
	R           int      `json:"r,omitempty"`
	Asked       []string `json:"asked,omitempty"` // of GET /range: the nodes that were asked
	Answered    []string `json:"answered,omitempty"`
	Coordinator string   `json:"coordinator"`
}

// ValueOf is what a client is told of a record: the key as it spelled it, the value and the version.
func ValueOf(key string, rec record.Record) Value {
	v := Value{Key: key, Version: NewVersion(rec.Version)}
	if utf8.Valid(rec.Value) {
		s := string(rec.Value)
		v.Value = &s
	} else {
		v.ValueBase64 = rec.Value
	}
	return v
}

// Bytes is the value in whichever form it came.
func (v *Value) Bytes() []byte {
	if v.Value != nil {
		return []byte(*v.Value)
	}
	return v.ValueBase64
}

// Outcome says of a failed write whether a replica may hold it.
type Outcome string

// The outcomes of failed writes.
const (
	NotWritten     Outcome = "not_written"     // certainly written nowhere, now and later
	PerhapsWritten Outcome = "perhaps_written" // readers may see it at any later time
)

// Codes of errors that the HTTP layer gives; an engine's are in package engine.
const (
	CodeNotFound         = "not_found"
	CodeBadRequest       = "bad_request"
	CodeBadKey           = "bad_key"
	CodeBadTenant        = "bad_tenant"
	CodeBadLevel         = "bad_level"
	CodeBadContext       = "bad_context"
	CodeValueTooLarge    = "value_too_large"
	CodeMethodNotAllowed = "method_not_allowed"
	CodeOverloaded       = "overloaded"
	CodeStopping         = "stopping"
	CodeTestingDisabled  = "testing_disabled"
	CodeInternal         = "internal"
)

// Failure is what every response with a status of 400 and above carries under "error".
type Failure struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Outcome Outcome `json:"outcome,omitempty"` // of writes
	// Needed is how many replicas had to take part, Answered are those that did, Failed those that did not and why.
	Needed      int               `json:"needed,omitempty"`
	Answered    []string          `json:"answered,omitempty"`
	Failed      map[string]string `json:"failed,omitempty"`
	Version     *Version          `json:"version,omitempty"`  // of the delete, with not_found
	Attempts    int               `json:"attempts,omitempty"` // at a transaction: all but the last met a lock, and with transaction_aborted that too
	Coordinator string            `json:"coordinator,omitempty"`
}

// ErrorBody is the body around a Failure.
type ErrorBody struct {
	Error Failure `json:"error"`
}

// Node is a node and the address at which the answering node reaches it.
type Node struct {
	Name    string  `json:"name"`
	Address string  `json:"address"`
	Owned   float64 `json:"owned,omitempty"` // share of the hash space, or of the ranges, of which it is the first replica
}

// Ring answers GET /ring.
type Ring struct {
	Key          string   `json:"key,omitempty"`
	Replicas     []Node   `json:"replicas,omitempty"` // of the key, in the order of the ring
	Nodes        []Node   `json:"nodes"`
	Replication  int      `json:"replication"`
	Partitioner  string   `json:"partitioner,omitempty"`  // of mode leaderless, as the next two
	VirtualNodes int      `json:"virtual_nodes"`          // of partitioner ring
	SplitPoints  []string `json:"split_points,omitempty"` // of partitioner range
	Shard        string   `json:"shard,omitempty"`        // of the key, in mode sharded
	Digest       string   `json:"digest"`
}

// MemberChange asks by POST /members: exactly one of its fields is set.
type MemberChange struct {
	Add    string `json:"add,omitempty"`
	Remove string `json:"remove,omitempty"`
	Cancel bool   `json:"cancel,omitempty"` // the change that is going on
}

// Members answers GET and POST /members.
type Members struct {
	Epoch   uint64   `json:"epoch"`
	Phase   string   `json:"phase"`          // stable, moving or switching
	Members []string `json:"members"`        // whose replicas hold keys; before the change, while there is one
	Next    []string `json:"next,omitempty"` // after the change, while there is one
	Steward string   `json:"steward"`        // the node that carries changes out
	// Replication is the number of replicas of each key.
	Replication int `json:"replication"`
	// Moves are, by the nodes that take keys, how far the last change is; empty on nodes that were restarted since.
	Moves   map[string]Move `json:"moves,omitempty"`
	Waiting string          `json:"waiting,omitempty"` // why the change does not go on
	// Ranges is a digest of the ranges of keys, with partitioner range; of those before the change, while there is one, and NextRanges of those after it.
	Ranges     string `json:"ranges,omitempty"`
	NextRanges string `json:"next_ranges,omitempty"`
	Lost       string `json:"lost,omitempty"` // what is to be known of the node that was asked, which came back without its data
}

// Move is how far a node has copied the keys of which a change makes it a replica.
type Move struct {
	Done    bool  `json:"done"`
	Keys    int64 `json:"keys"`    // that were looked at, each once
	Taken   int64 `json:"taken"`   // of those, of which the node becomes a replica
	Records int64 `json:"records"` // that came over the network: from each of a key's old replicas one
	MS      int64 `json:"ms"`      // since the node began, in milliseconds
}

// RangeStep is something to be done with ranges of keys, with partitioner range. Keys are of the request's tenant, if it has one.
type RangeStep struct {
	Do   string `json:"do"`             // split the range that has At there; merge the range that begins at At with the one before it, to where that is; move a replica of the range that has At
	At   string `json:"at"`             // empty for the first range of all, and with a tenant for where its keys begin
	From string `json:"from,omitempty"` // of move: the node that has the replica
	To   string `json:"to,omitempty"`   // of move: the node that takes it
}

// RangeChange asks by POST /ranges.
type RangeChange struct {
	Steps []RangeStep `json:"steps"` // taken one after the other, as one change
	Plan  bool        `json:"plan"`  // only say what they would do
}

// Range is one range of keys, as they are stored.
type Range struct {
	From   string   `json:"from"`             // the first key; empty of the first range
	To     string   `json:"to"`               // the first key after it; empty of the last range
	Nodes  []string `json:"nodes"`            // the replicas, the first one first
	Keys   int64    `json:"keys"`             // at the first replica, deleted ones too; 0 where none were counted
	Middle string   `json:"middle,omitempty"` // a key with about as many of them before it as after it
}

// Ranges answers GET /ranges.
type Ranges struct {
	Epoch  uint64  `json:"epoch"`
	Phase  string  `json:"phase"` // stable, moving or switching
	Ranges []Range `json:"ranges"`
}

// RangePlan answers POST /ranges with plan: what a change would do.
type RangePlan struct {
	Epoch       uint64           `json:"epoch"` // in which this was computed
	Before      []Range          `json:"before"`
	After       []Range          `json:"after"`
	Keys        int64            `json:"keys"`
	Replication int              `json:"replication"`
	Takes       map[string]int64 `json:"takes,omitempty"` // keys that each node would copy
}

// PeerHealth is how a node sees a peer.
type PeerHealth struct {
	Address   string `json:"address"`
	Connected bool   `json:"connected"`
	Error     string `json:"error,omitempty"`
	Hints     int    `json:"hints"` // writes that the peer has missed and this node will deliver
}

// ShardHealth is how a node sees one of the raft groups that it is in.
type ShardHealth struct {
	Leader  string `json:"leader,omitempty"`
	Term    uint64 `json:"term"`
	Applied uint64 `json:"applied"`
}

// Health answers GET /health.
type Health struct {
	Status          string                 `json:"status"` // ok or stopping
	Node            string                 `json:"node"`
	Mode            string                 `json:"mode"`
	Replication     int                    `json:"replication"`
	ReadRepair      string                 `json:"read_repair,omitempty"` // of mode leaderless, as the next two
	HintedHandoff   *bool                  `json:"hinted_handoff,omitempty"`
	WriteTimestamps string                 `json:"write_timestamps,omitempty"`
	SloppyQuorum    bool                   `json:"sloppy_quorum,omitempty"`
	AntiEntropy     string                 `json:"anti_entropy,omitempty"`    // a duration, if there is any
	TombstoneGrace  string                 `json:"tombstone_grace,omitempty"` // a duration, unless they are kept for ever
	Lost            string                 `json:"lost,omitempty"`            // of mode leaderless: what is to be known of a member that came back without its data
	Leader          string                 `json:"leader,omitempty"`          // of modes with one, as this node knows it
	Term            uint64                 `json:"term,omitempty"`            // of mode raft, or the epoch of mode single-leader
	Applied         uint64                 `json:"applied,omitempty"`         // the last position of the log that this node has applied
	Failover        *bool                  `json:"failover,omitempty"`        // of mode single-leader, as the next one
	Fencing         *bool                  `json:"fencing,omitempty"`
	Region          string                 `json:"region,omitempty"` // of this node, in mode multi-leader; Leader is that of the region
	Conflicts       string                 `json:"conflicts,omitempty"`
	Transactions    string                 `json:"transactions,omitempty"` // of mode sharded, as the next one; Leader, Term and Applied are those of its first shard
	Shards          map[string]ShardHealth `json:"shards,omitempty"`
	Fsync           bool                   `json:"fsync"`
	Testing         bool                   `json:"testing"`
	ClockOffsetMS   int64                  `json:"clock_offset_ms"`
	Defects         []string               `json:"defects"`
	Peers           map[string]PeerHealth  `json:"peers"`
}

// Clock is asked by POST and answers GET and POST /admin/clock.
type Clock struct {
	OffsetMS int64 `json:"offset_ms"`
}

// Defects answers GET and POST /admin/defects; POST asks with On alone.
type Defects struct {
	On []string `json:"defects"`
}
