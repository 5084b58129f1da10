package history

// Func names the function of a micro-operation.
type Func uint8

// The functions that a micro-operation can have. Arg and Ret are fields of Mop.
const (
	// Read returns the value of a key in Ret (Absent if there is none).
	Read Func = iota + 1
	// Write sets a key to Arg.
	Write
	// CAS sets a key to Arg if its value is Expect. A CAS whose condition was
	// false has outcome fail; if the database then told the current value it
	// is in Ret and the micro-operation has the flag Observed.
	CAS
	// Delete removes a key: a write of Absent.
	Delete
	// Append adds Arg at the end of the list in a key.
	Append
	// ReadList returns the list in a key; see Txn.List and History.List.
	ReadList
	// Add adds the element Arg to the set in a key.
	Add
	// Remove removes the element Arg from the set in a key.
	Remove
	// ReadSet returns the set in a key as a list without order.
	ReadSet
	// Enqueue puts Arg at the end of the queue in a key.
	Enqueue
	// Dequeue takes the first element of the queue in a key into Ret, Absent
	// when the queue was empty.
	Dequeue
	// Increment adds Arg to the counter in a key.
	Increment
	// ReadCounter returns the counter in a key in Ret.
	ReadCounter
	// Generate asks for a unique identifier, returned in Ret.
	Generate
	// Transfer moves Amount (in Expect) from the account Key to the account
	// numbered Arg.
	Transfer
	// Acquire takes the lock in a key, Release gives it back. Expect is how
	// many permits of a semaphore (0 means 1). With the flag Owned, Arg is who
	// holds the lock as the database knows it; without it the session does. With
	// Observed, Ret is the fencing token that the database gave.
	Acquire
	Release
	// Concat adds the text Arg at the end of the text in a key, which Read then
	// returns as a whole. Only imported histories have it: the texts need not
	// be unique, so it names no write.
	Concat
	// Send appends the message Arg to the log in a key (a partition); its
	// offset, if the database told it, is Version with the flag Versioned.
	Send
	// Poll returns messages of the log in a key, as a list of offset, message,
	// offset, message ... in the order in which they came; see PollPairs. A Poll
	// with an empty list says only that nothing came.
	Poll
	// Assign makes logs those that the consumer of this process reads; the Assigns
	// of one operation are the whole assignment. Arg says from where it reads the
	// log: Unassigned, Assigned or FromBeginning.
	Assign
	// Subscribe is Assign where the database shares the logs out among the
	// consumers: any Poll may be of any of them.
	Subscribe
	// Scan returns the values of some or all of the keys that the tenant of the key has, as a
	// list: what it may leave out, and in which order, is the database's. Which tenant a key is
	// of, the header says; see AttributeTenants.
	Scan
	// Backup is Scan by the way in which the database makes a tenant's backup.
	Backup
	// Clear removes from the set in a key, which is a field of a map, all elements that the database knows of where it
	// carries it out: with replicas that take changes by themselves, not those of which it has not heard. See AttributeFields.
	Clear
)

var funcNames = [...]string{
	Read: "read", Write: "write", CAS: "cas", Delete: "delete",
	Append: "append", ReadList: "read-list",
	Add: "add", Remove: "remove", ReadSet: "read-set",
	Enqueue: "enqueue", Dequeue: "dequeue",
	Increment: "increment", ReadCounter: "read-counter",
	Generate: "generate", Transfer: "transfer",
	Acquire: "acquire", Release: "release",
	Concat: "concat",
	Send:   "send", Poll: "poll", Assign: "assign", Subscribe: "subscribe",
	Scan: "scan", Backup: "backup",
	Clear: "clear",
}

// String is the name of f in files and reports, "?" for an unknown one.
func (f Func) String() string {
	if f.known() {
		return funcNames[f]
	}
	return "?"
}

// ParseFunc is the inverse of Func.String.
func ParseFunc(s string) (Func, bool) { return parseFunc([]byte(s)) }

func parseFunc(s []byte) (Func, bool) {
	for i, n := range funcNames {
		if n == string(s) && n != "" {
			return Func(i), true
		}
	}
	return 0, false
}

// Writes tells whether f can change what later reads return.
func (f Func) Writes() bool {
	switch f {
	case Read, ReadList, ReadSet, ReadCounter, Poll, Assign, Subscribe, Scan, Backup:
		return false
	}
	return f != 0
}

// Installs tells whether f puts its Arg into the key as a value that must be
// unique in the run, so that it names its write.
func (f Func) Installs() bool {
	switch f {
	case Write, CAS, Append, Add, Enqueue, Send:
		return true
	}
	return false
}

// known tells whether f is one of the functions above.
func (f Func) known() bool { return int(f) < len(funcNames) && funcNames[f] != "" }

// returns tells whether an ok f must have returned something.
func (f Func) returns() bool {
	switch f {
	case Read, ReadList, ReadSet, Dequeue, ReadCounter, Generate, Poll, Scan, Backup:
		return true
	}
	return false
}

// takesArg tells whether f needs its Arg.
func (f Func) takesArg() bool {
	switch f {
	case Increment, Remove, Transfer, Concat, Assign, Subscribe:
		return true
	}
	return f.Installs()
}

// lists tells whether what f returns is a list.
func (f Func) lists() bool {
	switch f {
	case ReadList, ReadSet, Poll, Scan, Backup:
		return true
	}
	return false
}

// Outcome says whether an operation took effect: certainly, certainly not, or perhaps.
type Outcome uint8

// The outcomes.
const (
	// Info: indeterminate. It may have taken effect at any time after its
	// invocation, even after the run. The zero value, so that nothing is ever
	// taken for certain by oversight.
	Info Outcome = iota
	// OK: it took effect between invocation and completion.
	OK
	// Fail: it certainly had and will have no effect.
	Fail
)

// String is "ok", "fail" or "info".
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Fail:
		return "fail"
	}
	return "info"
}

// MopFlags say what is known beyond the fields of a Mop.
type MopFlags uint8

const (
	// Observed says that Ret (or the list) was really returned by the database. Set on
	// every successful read; on a failed CAS that told the current value; and
	// on reads inside a transaction whose commit is unknown.
	Observed MopFlags = 1 << iota
	// Versioned says that Version was given by the database.
	Versioned
	// Predicate marks a read by predicate (a scan), not by key.
	Predicate
	// Mismatched says that the database found the condition of this CAS false.
	// Set on a failed CAS only when that is certain: then there was a moment
	// between invocation and completion at which the value was not Expect. A
	// failed CAS without it may have failed for any other reason and says
	// nothing about the value.
	Mismatched
	// Owned says that Arg of an Acquire or Release names the owner of the lock.
	Owned

	allFlags = Observed | Versioned | Predicate | Mismatched | Owned
)

// Mop is a micro-operation: one read, write, append, compare-and-set ... inside
// a transaction. 48 bytes, no pointers.
type Mop struct {
	Func  Func
	Flags MopFlags
	Key   Key
	// Arg is the value written, appended, added, enqueued or sent.
	Arg Value
	// Expect is the value that a CAS compares with, the amount of a Transfer, or the
	// permits of an Acquire or Release.
	Expect Value
	// Ret is the value returned, valid when Flags has Observed. For ReadList,
	// ReadSet, Poll, Scan and Backup use Txn.List or History.List.
	Ret Value
	// Version is the database's own version of the value read or written (HLC,
	// WRITETIME in microseconds, LSN ...), comparable only within one key.
	Version int64
	// listAt and listLen locate a returned list in its owner's pool.
	listAt, listLen uint32
}

// Txn is an operation on its way: what the client is to do and, afterwards,
// what it saw. It is reused for operation after operation, so that the hot path
// does not allocate. Not safe for concurrent use.
type Txn struct {
	Mops  []Mop
	lists []Value
}

// Reset empties t and keeps its memory.
func (t *Txn) Reset() {
	t.Mops = t.Mops[:0]
	t.lists = t.lists[:0]
}

// SetRead records that micro-operation i returned v.
func (t *Txn) SetRead(i int, v Value) {
	t.Mops[i].Ret = v
	t.Mops[i].Flags |= Observed
}

// SetVersion records the database's own version of the value that
// micro-operation i read or wrote.
func (t *Txn) SetVersion(i int, version int64) {
	t.Mops[i].Version = version
	t.Mops[i].Flags |= Versioned
}

// SetList records that micro-operation i returned the elements of list, which
// are copied.
func (t *Txn) SetList(i int, list []Value) {
	m := &t.Mops[i]
	m.listAt = uint32(len(t.lists))
	m.listLen = uint32(len(list))
	m.Flags |= Observed
	t.lists = append(t.lists, list...)
}

// List returns the list that SetList recorded for micro-operation i; valid until Reset.
func (t *Txn) List(i int) []Value {
	m := &t.Mops[i]
	return t.lists[m.listAt : m.listAt+m.listLen]
}

// Op is one operation of one process: an interval between two stamps of the
// run's clock. Its micro-operations are found with History.Mops. 48 bytes, no
// pointers, so that with one micro-operation an operation takes less than the
// 100 bytes of the budget.
type Op struct {
	// Invoke is immediately before the request left, Complete immediately after
	// the answer arrived; Never if the outcome is info. Intervals are closed:
	// operations that touch are concurrent.
	Invoke, Complete Time
	// Process is strictly sequential; a new number after every info.
	Process int32
	// Session numbers the session, the unit of session guarantees.
	Session int32
	// Error indexes History.Strings, -1 if there was none.
	Error int32
	// Note indexes History.Strings, -1 if there is none: what the database
	// told about the operation besides values, such as which replicas answered.
	Note int32

	mopAt  uint32
	mopLen uint16
	// Node indexes Header.Nodes: the node that was asked, -1 if none.
	Node int16
	// ReadLevel and WriteLevel index Header.Levels; 0 is the empty level.
	ReadLevel, WriteLevel uint8
	Outcome               Outcome
}
