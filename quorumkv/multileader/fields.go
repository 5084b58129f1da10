package multileader

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// A map is one causal state for all its fields: each increment of a counter, element of a set and value of a register that is in it is a
// write with a dot, tagged with its field. That is a map of dot stores under one causal context (Almeida, Shoker, Baquero, "Delta state
// replicated data types", 2018, section 7.4.3), the observed-remove map of Riak ("Riak DT Map", Brown, Cribbs, Meiklejohn, Elliott,
// 2014), without its anomaly: a counter's increments are not summed up, so that a removal takes those away that it knew of, and no other,
// and none comes back.

// entry is a write of a map: what it put into which field.
type entry struct {
	field   string
	typ     engine.Type
	content string // an increment in decimal, an element, a value
}

// kinds of fields in their binary form, by type.
var fieldKinds = []engine.Type{engine.Counter, engine.Set, engine.Register}

func (e entry) String() string {
	b := wire.AppendText(nil, e.field)
	b = append(b, byte(slices.Index(fieldKinds, e.typ)))
	return string(wire.AppendText(b, e.content))
}

// entryOf reads what String wrote; ok is false for what is none.
func entryOf(text string) (e entry, ok bool) {
	c := wire.NewCursor([]byte(text))
	e.field = c.Text()
	kind := int(c.Byte())
	e.content = c.Text()
	if c.End() != nil || kind >= len(fieldKinds) {
		return entry{}, false
	}
	e.typ = fieldKinds[kind]
	return e, true
}

// counted is the entry of an increment, or of a sum of them.
func counted(field string, n int64) entry {
	return entry{field, engine.Counter, strconv.FormatInt(n, 10)}
}

// entryOfChange is what a change puts into the map, of one that does.
func entryOfChange(by engine.FieldChange) entry {
	if by.Type == engine.Counter {
		return counted(by.Field, by.Add)
	}
	return entry{by.Field, by.Type, by.Content}
}

// entriesOf are a field's: of a counter one, its total.
func entriesOf(f engine.Field) []entry {
	if f.Type == engine.Counter {
		return []entry{counted(f.Name, f.Total)}
	}
	out := make([]entry, 0, len(f.Contents))
	for _, content := range f.Contents {
		out = append(out, entry{f.Name, f.Type, content})
	}
	return out
}

// replaces tells whether c takes o out of the map, if it knows of it.
func replaces(c engine.FieldChange, o entry) bool {
	switch {
	case c.Field != o.field:
		return false
	case c.Drop:
		return true
	case c.Type != o.typ:
		return false
	case c.Type == engine.Set:
		return c.Content == o.content
	}
	return c.Type == engine.Register
}

// removes tells whether c puts nothing into the map.
func removes(c engine.FieldChange) bool { return c.Drop || c.Remove }

// changeField is the state of a map after a change by a replica. ok is false if there is nothing to remove.
func (c causal) changeField(replica string, by engine.FieldChange) (next causal, ok bool) {
	gone := func(t tagged) bool {
		e, ok := entryOf(t.Value)
		return ok && replaces(by, e)
	}
	if removes(by) {
		return c.write(replica, nil, gone), slices.ContainsFunc(c.Live, gone)
	}
	value := entryOfChange(by).String()
	return c.write(replica, &value, gone), true
}

// fieldMark is what the defect field-removal-wins leaves of a removal: a name of its own, and the field.
func fieldMark(replica string, n int, field string) string {
	return fmt.Sprintf("\xff%s/%d/%s", replica, n, field)
}

// withoutMarked is c without what is in fields that a mark among those of o and not of c removes, whether or not the removal knew of it.
func (c causal) withoutMarked(o causal) causal {
	for _, mark := range o.Gone {
		parts := strings.SplitN(mark, "/", 3)
		if len(parts) < 3 || mark[0] != '\xff' || slices.Contains(c.Gone, mark) {
			continue
		}
		c.Live = slices.DeleteFunc(slices.Clone(c.Live), func(t tagged) bool {
			e, ok := entryOf(t.Value)
			return ok && e.field == parts[2]
		})
	}
	return c
}

// fields is the map as it is: by name, and of one name by type.
func (c causal) fields() []engine.Field {
	all := contents{}
	for _, t := range c.Live {
		if e, ok := entryOf(t.Value); ok {
			all.put(e)
		}
	}
	return all.sorted()
}

// contents are fields while they are put together.
type contents map[[2]string]*engine.Field

func (c contents) put(e entry) {
	at := [2]string{e.field, string(e.typ)}
	f := c[at]
	if f == nil {
		f = &engine.Field{Name: e.field, Type: e.typ}
		c[at] = f
	}
	if e.typ != engine.Counter {
		f.Contents = union(f.Contents, []string{e.content})
		return
	}
	n, err := strconv.ParseInt(e.content, 10, 64)
	if err == nil { // else it is of no replica that works as this one does
		f.Total += n
	}
}

func (c contents) sorted() []engine.Field {
	out := make([]engine.Field, 0, len(c))
	for _, at := range slices.SortedFunc(maps.Keys(c), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		out = append(out, *c[at])
	}
	return out
}

// latestFields are those of a map that is the latest write alone.
func (s state) latestFields() []engine.Field {
	var out []engine.Field
	if err := json.Unmarshal(s.Latest.Value, &out); err != nil {
		return []engine.Field{} // nothing was written yet; only this package writes it
	}
	return out
}

// overwriteField is a map after a change where the whole is overwritten. ok is false if there is nothing to remove.
func overwriteField(have []engine.Field, by engine.FieldChange) (next []engine.Field, ok bool) {
	all := contents{}
	for _, f := range have {
		for _, e := range entriesOf(f) {
			if replaces(by, e) {
				ok = true
			} else {
				all.put(e)
			}
		}
	}
	if removes(by) {
		return all.sorted(), ok
	}
	all.put(entryOfChange(by))
	return all.sorted(), true
}

// changeMap changes a field of a map, or removes it.
func (r *replica) changeMap(key string, by engine.FieldChange) (record.Version, *engine.Error) {
	nothing := &engine.Error{Code: engine.CodeConflict, Outcome: engine.NotWritten, Message: "what is to be removed is not in the map here"}
	s := r.states[key]
	if r.conflicts == LastWriteWins {
		next, ok := overwriteField(s.latestFields(), by)
		if !ok {
			return record.Version{}, nothing
		}
		b, err := json.Marshal(next)
		if err != nil {
			return record.Version{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "encode the map: " + err.Error()}
		}
		if err := r.fits(state{Latest: record.Record{Value: b}}); !removes(by) && err != nil {
			return record.Version{}, err
		}
		return r.overwrite(key, b, false), nil
	}
	next, ok := s.Causal.changeField(r.id(), by)
	if !ok {
		return record.Version{}, nothing
	}
	if err := r.fits(state{Causal: next}); !removes(by) && err != nil {
		return record.Version{}, err
	}
	if by.Drop && r.defects.Has(defect.FieldRemovalWins) {
		next.Gone = union(next.Gone, []string{fieldMark(r.id(), len(next.Gone), by.Field)})
	}
	r.set(key, state{Kind: kindCausal, Causal: next}, "")
	return next.version(), nil
}

// mapFields is a map as it is.
func (s state) mapFields() []engine.Field {
	if s.Kind == kindLatest {
		return s.latestFields()
	}
	return s.Causal.fields()
}
