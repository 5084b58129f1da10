package history

// Header says what a history is of. It is written before the first operation.
type Header struct {
	// Run is the run's identifier, empty for imported histories.
	Run string `json:"run,omitempty"`
	// Source says where the history is from: "lapse" or the imported format.
	Source string `json:"source"`
	// Target, Workload and Seed are those of the run.
	Target   string `json:"target,omitempty"`
	Workload string `json:"workload,omitempty"`
	Seed     uint64 `json:"seed,omitempty"`
	// Nodes are the names that Op.Node indexes.
	Nodes []string `json:"nodes,omitempty"`
	// Levels are the consistency levels that Op.ReadLevel and Op.WriteLevel
	// index, spelled as the database spells them; Levels[0] is "".
	Levels []string `json:"levels,omitempty"`
	// Initial is the value that every key has before the first write; Absent
	// unless an imported history says otherwise.
	Initial Value `json:"initial"`
	// Start is the wall clock at Time 0, RFC 3339, for people only: no verdict
	// depends on it.
	Start string `json:"start,omitempty"`
	// Attributes carry what a workload wants its checker to know, such as the
	// number of bank accounts and their total.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// History holds the operations, faults and events of a run in memory: flat slices that checkers can walk
// without following pointers. Operations are in the order of their invocation.
// Immutable once built, and so safe for concurrent readers.
type History struct {
	Header Header
	Ops    []Op
	Faults []Fault
	Events []Event
	// Strings are the errors and notes that operations index.
	Strings []string
	// Texts are the interned values that are no integers; see TextValue.
	Texts []string
	// KeyNames are the names of keys if they are not the default ones.
	KeyNames []string
	// Torn says that the file ended in the middle of a record: the run was
	// killed. Operations that were open then are info.
	Torn bool
	// Ambiguous says that some value was written twice to one key, which only
	// imported histories may do; checkers that rely on unique values must
	// refuse or search.
	Ambiguous bool

	mops  []Mop
	lists []Value
}

// Mops are the micro-operations of op, which must belong to h. Not to be
// changed.
func (h *History) Mops(op *Op) []Mop {
	return h.mops[op.mopAt : op.mopAt+uint32(op.mopLen) : op.mopAt+uint32(op.mopLen)]
}

// Mop is the only micro-operation of a plain operation (the first of a
// transaction).
func (h *History) Mop(op *Op) *Mop { return &h.mops[op.mopAt] }

// List is the list that m, a micro-operation of h, returned. Not to be changed.
func (h *History) List(m *Mop) []Value {
	return h.lists[m.listAt : m.listAt+m.listLen : m.listAt+m.listLen]
}

// KeyName is the name of k.
func (h *History) KeyName(k Key) string {
	if int(k) < len(h.KeyNames) && k >= 0 {
		return h.KeyNames[k]
	}
	return k.String()
}

// NodeName is the name of the node that op asked, "" if none.
func (h *History) NodeName(op *Op) string {
	if op.Node < 0 || int(op.Node) >= len(h.Header.Nodes) {
		return ""
	}
	return h.Header.Nodes[op.Node]
}

// LevelName is the level with index i, "" if there is none.
func (h *History) LevelName(i uint8) string {
	if int(i) >= len(h.Header.Levels) {
		return ""
	}
	return h.Header.Levels[i]
}

// ValueText is v as a person reads it: the integer, the quoted text that the database
// returned, or Nothing for Absent.
func (h *History) ValueText(v Value) string {
	if v == Absent {
		return Nothing
	}
	if i, ok := v.TextIndex(); ok && i < len(h.Texts) {
		return quote(h.Texts[i])
	}
	return v.String()
}

// Nothing is the text for people of the value of a key that is not there.
const Nothing = "nothing (key not found)"

// String is the string with index i, "" for -1.
func (h *History) String(i int32) string {
	if i < 0 || int(i) >= len(h.Strings) {
		return ""
	}
	return h.Strings[i]
}
