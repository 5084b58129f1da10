package history

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// Told is what an event tells as JSON, of which the type says the kind of the event: *Lag, *Placement, *Measure, *Coverage
// or *Driver.
type Told interface {
	kind() string
	// sound says that a reader takes it.
	sound() bool
}

// NewEvent is the event at this moment that tells v. It is the one way in which such events are written. What no reader would
// take is an error.
func NewEvent(at Time, v Told) (Event, error) {
	if !v.sound() {
		return Event{}, fmt.Errorf("an event of the kind %s tells %+v, which none can be", v.kind(), v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return Event{}, fmt.Errorf("an event of the kind %s: %w", v.kind(), err)
	}
	return Event{At: at, Kind: v.kind(), Text: string(text)}, nil
}

// told reads what e tells into v; false for events of other kinds, and
// for what no run wrote. It is the one way in which events are read: JSON can hide control characters from who reads an
// event as it stands, so that every text is cleaned after decoding, and numbers that v refuses are none.
func (e *Event) told(v Told) bool {
	if e.Kind != v.kind() || json.Unmarshal([]byte(e.Text), v) != nil {
		return false
	}
	cleanTold(reflect.ValueOf(v))
	return v.sound()
}

// cleanTold cleans every text that v leads to.
func cleanTold(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			cleanTold(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			cleanTold(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			cleanTold(v.Index(i))
		}
	case reflect.String:
		v.SetString(cleanText(v.String(), maxProseLen))
	}
}

// maxTold bounds durations and counts that events tell: sums and shares of them do not overflow.
const maxTold = math.MaxInt64 / 16

func within(numbers ...int64) bool {
	for _, n := range numbers {
		if n < 0 || n > maxTold {
			return false
		}
	}
	return true
}

func (*Lag) kind() string       { return EventLag }
func (*Placement) kind() string { return EventPlacement }
func (*Measure) kind() string   { return EventMeasure }
func (*Coverage) kind() string  { return EventCoverage }
func (*Driver) kind() string    { return EventDriver }

func (l *Lag) sound() bool       { return within(l.BehindMS, l.NotReceived, l.NotApplied) }
func (p *Placement) sound() bool { return p.Key >= 0 }
func (m *Measure) sound() bool {
	return m.Name != "" && !math.IsInf(m.Value, 0) && !math.IsNaN(m.Value)
}
func (c *Coverage) sound() bool { return c.Detection == nil || within(int64(c.Detection.After)) }
func (d *Driver) sound() bool   { return d.Seat >= 0 && d.Seat < maxSeats && within(d.Empty) }
