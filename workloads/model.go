package workloads

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// model is a database in memory that carries out one operation after the other
// and always answers: what Digest and the tests drive generators with.
type model struct {
	values  map[history.Key]history.Value
	lists   map[history.Key][]history.Value
	counter map[history.Key]history.Value
	lastID  history.Value
}

func newModel() *model {
	return &model{
		values:  map[history.Key]history.Value{},
		lists:   map[history.Key][]history.Value{},
		counter: map[history.Key]history.Value{},
	}
}

func (d *model) value(k history.Key) history.Value {
	if v, ok := d.values[k]; ok {
		return v
	}
	return history.Absent
}

// apply carries out txn and fills in what it saw. A compare-and-set whose
// condition is false fails and tells the value.
func (d *model) apply(txn *history.Txn) history.Outcome {
	outcome := history.OK
	for i := range txn.Mops {
		m := &txn.Mops[i]
		switch m.Func {
		case history.Read:
			txn.SetRead(i, d.value(m.Key))
		case history.Write:
			d.values[m.Key] = m.Arg
		case history.CAS:
			if d.value(m.Key) != m.Expect {
				txn.SetRead(i, d.value(m.Key))
				m.Flags |= history.Mismatched
				outcome = history.Fail
				continue
			}
			d.values[m.Key] = m.Arg
		case history.Delete:
			delete(d.values, m.Key)
		case history.Append, history.Add, history.Enqueue:
			d.lists[m.Key] = append(d.lists[m.Key], m.Arg)
		case history.Remove:
			d.lists[m.Key] = slices.DeleteFunc(d.lists[m.Key], func(v history.Value) bool { return v == m.Arg })
		case history.Clear:
			delete(d.lists, m.Key)
		case history.Scan, history.Backup:
			txn.SetList(i, []history.Value{d.value(m.Key)})
		case history.ReadList, history.ReadSet:
			txn.SetList(i, d.lists[m.Key])
		case history.Dequeue:
			if queue := d.lists[m.Key]; len(queue) > 0 {
				txn.SetRead(i, queue[0])
				d.lists[m.Key] = queue[1:]
			} else {
				txn.SetRead(i, history.Absent)
			}
		case history.Increment:
			d.counter[m.Key] += m.Arg
		case history.ReadCounter:
			txn.SetRead(i, d.counter[m.Key])
		case history.Generate:
			d.lastID++
			txn.SetRead(i, d.lastID)
		case history.Acquire:
			if _, taken := d.counter[m.Key]; taken {
				outcome = history.Fail
				continue
			}
			d.counter[m.Key] = 1
		case history.Release:
			delete(d.counter, m.Key)
		case history.Send:
			d.lists[m.Key] = append(d.lists[m.Key], history.Value(len(d.lists[m.Key])), m.Arg)
		case history.Poll:
			txn.SetList(i, d.lists[m.Key])
		case history.Transfer:
			d.values[m.Key] -= m.Expect
			d.values[history.Key(m.Arg)] += m.Expect
		}
	}
	return outcome
}
