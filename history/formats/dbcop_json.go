package formats

import (
	"bytes"

	"github.com/lapse-test/lapse/history"
)

func dbcopJSONFormat() Format {
	return Format{
		Name:    "dbcop-json",
		Summary: "dbcop's JSON, with or without the wrapper {params, info, start, end, data}",
		detect: func(head []byte) bool {
			s := squeeze(head)
			return len(s) > 1 && (s[0] == '{' || s[0] == '[') && bytes.Contains(head, []byte(`"events"`))
		},
		read: readDbcopJSON,
	}
}

// readDbcopJSON reads sessions of transactions {"events": [...], "committed":
// bool}; an event is {"Read": {"variable": 0, "version": 1}}, {"Write": ...} or
// the compact ["r", 0, 1]. A version of null is a read of a variable that was
// never written.
func readDbcopJSON(in *input) (*history.History, error) {
	r := newJSONReader(in)
	t, ok, err := r.next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, in.errAt(0, "expected an array of sessions, found nothing")
	}
	data := &t
	if t.kind == termMap {
		if data = t.get("data"); data == nil {
			return nil, in.errAt(t.pos, `expected a field "data" with the sessions`)
		}
	}
	if data.kind != termList {
		return nil, in.errAt(data.pos, "expected an array of sessions, found %s", data.describe())
	}
	c := newClockless("dbcop-json", false)
	for s := range data.kids {
		session := &data.kids[s]
		if session.kind != termList {
			return nil, in.errAt(session.pos, "expected an array of transactions, found %s", session.describe())
		}
		for i := range session.kids {
			txn := &session.kids[i]
			events, committed := txn.get("events"), txn.get("committed")
			if events == nil || events.kind != termList {
				return nil, in.errAt(txn.pos, `expected a transaction {"events": [...], "committed": true}, found %s`, txn.describe())
			}
			for j := range events.kids {
				if err := dbcopEvent(in, c, &events.kids[j]); err != nil {
					return nil, err
				}
			}
			outcome := history.OK
			if committed != nil && committed.kind == termBool && committed.num == 0 {
				outcome = history.Fail
			}
			c.end(int32(s), outcome)
		}
	}
	return c.history(in)
}

func dbcopEvent(in *input, c *clocklessBuilder, e *term) error {
	var variable, version *term
	write := false
	if e.kind == termList && len(e.kids) == 3 {
		switch e.kids[0].text {
		case "r":
		case "w":
			write = true
		default:
			return in.errAt(e.pos, `expected "r" or "w", found %s`, e.kids[0].describe())
		}
		variable, version = &e.kids[1], &e.kids[2]
	} else {
		body := e.get("Read")
		if body == nil {
			body, write = e.get("Write"), true
		}
		if body == nil {
			return in.errAt(e.pos, `expected {"Read": {...}} or {"Write": {...}}, found %s`, e.describe())
		}
		variable, version = body.get("variable"), body.get("version")
	}
	if variable.isNil() {
		return in.errAt(e.pos, `expected a "variable"`)
	}
	key := variable.String()
	if variable.kind == termString {
		key = variable.text
	}
	v := history.Absent
	if !version.isNil() {
		var err error
		if v, err = valueOf(c.b, in, version); err != nil {
			return err
		}
	}
	if write && v == history.Absent {
		return in.errAt(e.pos, `expected a "version" of the write`)
	}
	if write {
		c.write(c.b.Key(key), v)
	} else {
		c.read(c.b.Key(key), v)
	}
	return nil
}
