package ir

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// KeyValue is a value of a key.
type KeyValue struct {
	Key   history.Key
	Value history.Value
}

// Applies says why h cannot be checked.
func Applies(h *history.History) error {
	var list, register []bool
	var appended map[KeyValue]bool
	if h.Ambiguous {
		appended = map[KeyValue]bool{}
	}
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			m := &mops[j]
			for int(m.Key) >= len(list) {
				list, register = append(list, false), append(register, false)
			}
			switch m.Func {
			case history.Append, history.ReadList:
				list[m.Key] = true
			case history.Read, history.Write, history.CAS, history.Delete:
				register[m.Key] = true
			default:
				return fmt.Errorf("operation %d has a micro-operation %s: isolation levels are checked for reads and writes of registers and lists only", i, m.Func)
			}
			if m.Func == history.Append && appended != nil {
				if kv := (KeyValue{Key: m.Key, Value: m.Arg}); appended[kv] {
					return fmt.Errorf("operation %d appends %s to key %s a second time: isolation levels are checked for lists whose elements are appended once", i, h.ValueText(m.Arg), h.KeyName(m.Key))
				} else {
					appended[kv] = true
				}
			}
			if list[m.Key] && register[m.Key] {
				return fmt.Errorf("operation %d uses key %s as a register and others use it as a list, or the other way round", i, h.KeyName(m.Key))
			}
		}
	}
	return nil
}
