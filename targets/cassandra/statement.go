package cassandra

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// The tables. A row of data holds whatever kind of value a workload keeps in a
// key; the column never is never written, so that IF never = NULL is a condition
// that is always true and makes a lightweight transaction of any write.
const (
	dataTable    = "data"
	counterTable = "counters"
)

// shape says which values a statement is bound to and what it returns.
type shape int

const (
	shapeRead     shape = iota // k -> value, timestamp
	shapeList                  // k -> list
	shapeCounter               // k -> value
	shapeKey                   // k
	shapeValueKey              // value, k
	shapeSetKey                // a list of one value, k
	shapeCAS                   // value, k, expected
)

// statement is the CQL of a micro-operation.
type statement struct {
	cql   string
	shape shape
	// conditional statements are lightweight transactions.
	conditional bool
	// stamped statements take a timestamp from the client: not counters, whose
	// increments have no order, and not lightweight transactions, which are
	// stamped by their ballot.
	stamped bool
}

// statements are those of one keyspace and one write level.
type statements struct {
	byFunc map[history.Func]statement
	// casAbsent is a CAS that expects nothing to be there.
	casAbsent statement
}

func newStatements(keyspace string, write level) statements {
	data, counters := keyspace+"."+dataTable, keyspace+"."+counterTable
	writing := func(shape shape, format string) statement {
		st := statement{cql: fmt.Sprintf(format, data), shape: shape, stamped: true}
		if write.serial {
			st.cql += " IF never = NULL"
			st.conditional, st.stamped = true, false
		}
		return st
	}
	s := statements{byFunc: map[history.Func]statement{
		history.Read:     {cql: "SELECT v, WRITETIME(v) FROM " + data + " WHERE k = ?", shape: shapeRead},
		history.ReadList: {cql: "SELECT l FROM " + data + " WHERE k = ?", shape: shapeList},
		history.ReadSet:  {cql: "SELECT s FROM " + data + " WHERE k = ?", shape: shapeList},
		history.Write:    writing(shapeValueKey, "UPDATE %s SET v = ? WHERE k = ?"),
		history.Delete:   writing(shapeKey, "DELETE v FROM %s WHERE k = ?"),
		history.Append:   writing(shapeSetKey, "UPDATE %s SET l = l + ? WHERE k = ?"),
		history.Add:      writing(shapeSetKey, "UPDATE %s SET s = s + ? WHERE k = ?"),
		history.Remove:   writing(shapeSetKey, "UPDATE %s SET s = s - ? WHERE k = ?"),
		history.CAS:      {cql: "UPDATE " + data + " SET v = ? WHERE k = ? IF v = ?", shape: shapeCAS, conditional: true},
	}}
	s.casAbsent = statement{cql: "UPDATE " + data + " SET v = ? WHERE k = ? IF v = NULL", shape: shapeValueKey, conditional: true}
	if !write.serial { // counters have no lightweight transactions
		s.byFunc[history.Increment] = statement{cql: "UPDATE " + counters + " SET c = c + ? WHERE k = ?", shape: shapeValueKey}
	}
	s.byFunc[history.ReadCounter] = statement{cql: "SELECT c FROM " + counters + " WHERE k = ?", shape: shapeCounter}
	return s
}

// of is the statement for a micro-operation.
func (s statements) of(m *history.Mop) (statement, error) {
	if m.Func == history.CAS && m.Expect == history.Absent {
		return s.casAbsent, nil
	}
	st, ok := s.byFunc[m.Func]
	switch {
	case ok && m.Func.Installs() && m.Arg == history.Absent:
		return st, fmt.Errorf("%v of nothing: use delete", m.Func)
	case ok:
		return st, nil
	case m.Func == history.Increment:
		return st, fmt.Errorf("increment at a serial level: Cassandra's counters have no lightweight transactions")
	}
	return st, fmt.Errorf("cassandra has no %v", m.Func)
}

// values returns the values that st is bound to.
func (st statement) values(m *history.Mop) []any {
	key := m.Key.String()
	switch st.shape {
	case shapeValueKey:
		return []any{int64(m.Arg), key}
	case shapeSetKey:
		return []any{[]int64{int64(m.Arg)}, key}
	case shapeCAS:
		return []any{int64(m.Arg), key, int64(m.Expect)}
	}
	return []any{key}
}
