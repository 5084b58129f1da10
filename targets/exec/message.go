package exec

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/lapse-test/lapse/history"
)

// protocol is the version of what is spoken.
const protocol = 1

// The types of requests. Those after closing are for the control process.
const (
	typeHello   = "hello"
	typeOpen    = "open"
	typeInvoke  = "invoke"
	typeClose   = "close"
	typeReady   = "ready"
	typeStop    = "stop"
	typeOK      = "ok"
	typeFail    = "fail"
	typeInfo    = "info"
	roleAsk     = "ask"
	roleSession = "session"
	roleControl = "control"
	funcTxn     = "txn"
)

// Request is a line that the program reads.
type Request struct {
	ID   int64  `json:"id" jsonschema:"description=what the answer has to repeat"`
	Type string `json:"type" jsonschema:"enum=hello,enum=open,enum=invoke,enum=close,enum=start,enum=stop,enum=kill,enum=pause,enum=resume,enum=cut,enum=heal,enum=probe,enum=ready"`

	Protocol int    `json:"protocol,omitempty" jsonschema:"description=hello: the version of this protocol: 1"`
	Role     string `json:"role,omitempty" jsonschema:"enum=ask,enum=session,enum=control,description=hello: what the process is for"`
	Nodes    int    `json:"nodes,omitempty" jsonschema:"description=hello: how many nodes are wanted (--nodes); left out: as many as the program likes"`

	Run        string `json:"run,omitempty" jsonschema:"description=open: the run's name; keys begin with it already"`
	Session    int32  `json:"session,omitempty" jsonschema:"description=open: the session's number"`
	ReadLevel  string `json:"read_level,omitempty" jsonschema:"description=open: one of those of the hello"`
	WriteLevel string `json:"write_level,omitempty" jsonschema:"description=open: one of those of the hello"`
	TimeoutMS  int64  `json:"timeout_ms,omitempty" jsonschema:"description=open: after which an operation counts as not answered"`

	Node string `json:"node,omitempty" jsonschema:"description=open and invoke: the node to ask; control: the node that it is about"`
	Op
	Ops   []Op     `json:"ops,omitempty" jsonschema:"description=invoke with f txn: the operations of one transaction"`
	Peers []string `json:"peers,omitempty" jsonschema:"description=cut and heal and probe: the other ends of the links"`
}

// Op is an operation, or a part of a transaction.
type Op struct {
	F      string          `json:"f,omitempty" jsonschema:"description=invoke: the function, as the hello names it; txn for several at once"`
	Key    string          `json:"key,omitempty"`
	Value  *int64          `json:"value,omitempty" jsonschema:"description=what is written, appended, added, removed, enqueued or added to a counter"`
	Expect json.RawMessage `json:"expect,omitempty" jsonschema:"oneof_type=integer;null,description=cas: the value that must be there; null: there must be none"`
	To     string          `json:"to,omitempty" jsonschema:"description=transfer: the key of the account that gets it; key is the one that gives"`
	Amount int64           `json:"amount,omitempty" jsonschema:"description=transfer: how much"`
}

// Answer is a line that the program writes, but for Hello.
type Answer struct {
	ID   int64  `json:"id"`
	Type string `json:"type" jsonschema:"enum=ok,enum=fail,enum=info,description=ok: done; fail: it was not done and will not be; info: nobody knows"`
	Seen
	Ops      []Seen `json:"ops,omitempty" jsonschema:"description=ok of a txn: what each operation saw, in their order"`
	Mismatch bool   `json:"mismatch,omitempty" jsonschema:"description=fail of a cas: another value was there; value can say which"`
	Aborted  bool   `json:"aborted,omitempty" jsonschema:"description=fail: the database served it and said no because of other clients or of what is there: a serialization failure\\, a deadlock\\, an account with too little; this is no downtime"`
	Node     string `json:"node,omitempty" jsonschema:"description=the node that was really asked, if another one"`
	Error    string `json:"error,omitempty" jsonschema:"description=why, in few different texts, without numbers of one operation"`
}

// Seen is what an operation saw.
type Seen struct {
	Value   json.RawMessage `json:"value,omitempty" jsonschema:"oneof_type=integer;string;null;array,description=what was read: null for nothing; a list for read-list and read-set; a text for what is no integer"`
	Version *int64          `json:"version,omitempty" jsonschema:"description=the database's own version of what was read or written, comparable within one key"`
}

// Hello is the program's answer to a hello.
type Hello struct {
	ID          int64    `json:"id"`
	Type        string   `json:"type" jsonschema:"enum=hello"`
	Protocol    int      `json:"protocol" jsonschema:"enum=1"`
	Database    string   `json:"database" jsonschema:"description=name and version, such as Redis 7.0.15"`
	Nodes       []string `json:"nodes" jsonschema:"description=their names: lower case letters, digits and hyphens"`
	Functions   []string `json:"functions" jsonschema:"description=what clients can ask for: read, write, cas, delete, append, read-list, add, remove, read-set, enqueue, dequeue, increment, read-counter, generate, transfer"`
	ReadLevels  []string `json:"read_levels,omitempty" jsonschema:"description=the first is the default; none: there is one, called default"`
	WriteLevels []string `json:"write_levels,omitempty"`
	MaxTxn      int      `json:"max_txn,omitempty" jsonschema:"description=how many operations a transaction can have; left out: 1, no transactions"`
	Unmixed     bool     `json:"txn_unmixed,omitempty" jsonschema:"description=a transaction either only reads or only writes"`
	Control     []string `json:"control,omitempty" jsonschema:"description=what the control process can do: start, stop, kill, pause, resume, cut, heal, probe, ready"`
}

// decode reads one line into v, strictly: a name that there is not is an error, and so
// is what follows the object.
func decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &brokenError{text: "the program's answer is not one of the protocol", detail: err.Error()}
	}
	if _, err := d.Token(); err != io.EOF {
		return &brokenError{text: "the program's answer is not one of the protocol", detail: "something follows the object on its line"}
	}
	return nil
}

// functions are those that a program can have.
func functions() []history.Func {
	return []history.Func{
		history.Read, history.Write, history.CAS, history.Delete, history.Append, history.ReadList,
		history.Add, history.Remove, history.ReadSet, history.Enqueue, history.Dequeue,
		history.Increment, history.ReadCounter, history.Generate, history.Transfer,
	}
}

// op is m as a program reads it; key spells keys.
func op(m *history.Mop, key func(history.Key) string) Op {
	o := Op{F: m.Func.String(), Key: key(m.Key)}
	switch m.Func {
	case history.Write, history.CAS, history.Append, history.Add, history.Remove, history.Enqueue, history.Increment:
		v := int64(m.Arg)
		o.Value = &v
	case history.Transfer:
		o.To, o.Amount = key(history.Key(m.Arg)), int64(m.Expect)
	}
	if m.Func == history.CAS {
		o.Expect = json.RawMessage("null")
		if m.Expect != history.Absent {
			o.Expect, _ = json.Marshal(int64(m.Expect)) // a number always encodes
		}
	}
	return o
}
