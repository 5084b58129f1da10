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
// never written. It holds one transaction at a time.
func readDbcopJSON(in *input) (*history.History, error) {
	d := &dbcopReader{jsonReader: newJSONReader(in), c: newClockless("dbcop-json", false)}
	in.again()
	if d.atEnd() {
		return nil, in.errAt(0, "expected an array of sessions, found nothing")
	}
	if err := d.sessionsOrWrapper(); err != nil {
		return nil, err
	}
	if !d.atEnd() {
		return nil, in.errAt(d.pos, "expected the end of the file behind the sessions, found %s", show(in.data[d.pos:]))
	}
	return d.c.history(in)
}

type dbcopReader struct {
	*jsonReader
	c    *clocklessBuilder
	room room
}

func (d *dbcopReader) sessionsOrWrapper() error {
	if d.peek() != '{' {
		return d.sessions(0)
	}
	at, found := d.pos, false
	d.pos++
	err := d.eachIn('}', func() error {
		name, err := d.name()
		if err != nil {
			return err
		}
		if name == "data" && !found {
			found = true
			return d.sessions(1)
		}
		d.reset()
		_, err = d.value(1)
		return err
	})
	if err == nil && !found {
		err = d.in.errAt(at, `expected a field "data" with the sessions`)
	}
	return err
}

// sessions reads the array of sessions, which stands inside depth others.
func (d *dbcopReader) sessions(depth int) error {
	if err := d.array("sessions"); err != nil {
		return err
	}
	session := int32(-1)
	return d.eachIn(']', func() error {
		session++
		if err := d.array("transactions"); err != nil {
			return err
		}
		return d.eachIn(']', func() error {
			d.reset()
			d.room.reserve(d.c.b, d.in, d.pos)
			txn, err := d.value(depth + 2)
			if err != nil {
				return err
			}
			d.in.passed(d.pos)
			return d.transaction(session, &txn)
		})
	})
}

// array goes into an array of what.
func (d *dbcopReader) array(what string) error {
	if d.peek() == '[' {
		d.pos++
		return nil
	}
	d.reset()
	t, err := d.value(0)
	if err != nil {
		return err
	}
	return d.in.errAt(t.pos, "expected an array of %s, found %s", what, t.describe())
}

func (d *dbcopReader) transaction(session int32, txn *term) error {
	events, committed := txn.get("events"), txn.get("committed")
	if events == nil || events.kind != termList {
		return d.in.errAt(txn.pos, `expected a transaction {"events": [...], "committed": true}, found %s`, txn.describe())
	}
	for j := range events.kids {
		if err := dbcopEvent(d.in, d.c, &events.kids[j]); err != nil {
			return err
		}
	}
	outcome := history.OK
	if committed != nil && committed.kind == termBool && committed.num == 0 {
		outcome = history.Fail
	}
	d.c.end(session, outcome)
	return nil
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
	if k := dbcopVariable(c, variable); write {
		c.write(k, v)
	} else {
		c.read(k, v)
	}
	return nil
}

// dbcopVariable is the key of a variable, which is a number nearly always.
func dbcopVariable(c *clocklessBuilder, t *term) history.Key {
	switch {
	case t.kind == termInt && t.num >= 0:
		return c.key(uint64(t.num))
	case t.kind == termString:
		return c.b.Key(t.text)
	}
	return c.b.Key(t.String())
}
