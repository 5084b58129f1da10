package settings

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The parts of a suite file that have keys for settings.
const (
	InTarget   = "target"
	InSettings = "settings"
	InMatrix   = "matrix"
	InClaims   = "claims"
	InFile     = "file"
)

// Setting is one field of Run with what its tags say.
type Setting struct {
	Flag, YAML, In, Key string
	Default, Help       string
	Example             string

	index     int
	kind      string
	omitEmpty bool
	zero      bool
	min, max  string
	oneOf     []string
}

var all = read()

func read() []Setting {
	t := reflect.TypeFor[Run]()
	var list []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		flag, ok := f.Tag.Lookup("flag")
		if !ok {
			continue
		}
		key, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := Setting{
			Flag: flag, YAML: f.Tag.Get("yaml"), In: f.Tag.Get("in"), Key: key,
			Default: f.Tag.Get("default"), Help: f.Tag.Get("help"), Example: f.Tag.Get("example"),
			index: i, kind: f.Tag.Get("kind"), omitEmpty: opts == "omitempty", zero: f.Tag.Get("zero") != "",
			min: f.Tag.Get("min"), max: f.Tag.Get("max"),
		}
		if one := f.Tag.Get("oneof"); one != "" {
			s.oneOf = strings.Split(one, ",")
		}
		list = append(list, s)
	}
	return list
}

// Stored tells whether plans and printed commands have the setting: one that may hold a secret
// has the key "-", and is in neither.
func (s Setting) Stored() bool { return s.Key != "-" }

// Place is where a suite file has the setting, as a path for people such as
// "targets.NAME.image"; empty if it has no key for it.
func (s Setting) Place() string {
	switch s.In {
	case InTarget:
		return "targets.NAME." + s.YAML
	case InSettings:
		return "defaults." + s.YAML
	case InMatrix:
		return "cases[].matrix." + s.YAML
	case InClaims:
		return "cases[].claims[]." + s.YAML
	case InFile:
		return s.YAML
	}
	return ""
}

// OfFlag is the setting of a flag of commands.
func OfFlag(flag string) (Setting, bool) {
	i := slices.IndexFunc(all, func(s Setting) bool { return s.Flag == flag })
	if i < 0 {
		return Setting{}, false
	}
	return all[i], true
}

// All are the settings, in the order of the fields.
func All() []Setting { return slices.Clone(all) }

// Named is the setting with a key of a part of the suite file.
func Named(part, yaml string) (Setting, bool) {
	for _, s := range all {
		if s.In == part && s.YAML == yaml {
			return s, true
		}
	}
	return Setting{}, false
}

func (s Setting) value(r *Run) reflect.Value { return reflect.ValueOf(r).Elem().Field(s.index) }

// Type names the type of the values: text, number, duration, list or map.
func (s Setting) Type() string {
	switch s.value(&Run{}).Interface().(type) {
	case time.Duration:
		return "duration"
	case int, uint64, float64:
		return "number"
	case bool:
		return truth
	case []string:
		return "list"
	case map[string]string:
		return "map"
	}
	return "text"
}

// truth is the Type of what is so or not. As a flag it needs no value.
const truth = "truth value"

func (s Setting) truth() bool { return s.Type() == truth }

// OneOf are the values that can be, nil for any.
func (s Setting) OneOf() []string { return slices.Clone(s.oneOf) }

// Set reads text into r: one text for most settings, any number for lists and maps
// (name=value). Its errors say what it must be, not of what. The setting is given then, also
// with the value of its default (see Run.Open).
func (s Setting) Set(r *Run, text ...string) error {
	if err := s.set(r, text...); err != nil {
		return err
	}
	r.said |= s.bit()
	return nil
}

func (s Setting) set(r *Run, text ...string) error {
	v := s.value(r)
	switch v.Interface().(type) {
	case []string:
		v.Set(reflect.ValueOf(slices.Clone(text)))
		return nil
	case map[string]string:
		m := map[string]string{}
		for _, pair := range text {
			k, val, ok := strings.Cut(pair, "=")
			if !ok || k == "" {
				return fmt.Errorf("must be name=value, not %q", pair)
			}
			m[k] = val
		}
		v.Set(reflect.ValueOf(m))
		return nil
	}
	if len(text) != 1 {
		return fmt.Errorf("must be one value, not %d", len(text))
	}
	if err := s.parse(v, text[0]); err != nil {
		return err
	}
	if v.Kind() == reflect.Uint64 {
		r.Seeded = true
	}
	return s.check(v)
}

func (s Setting) parse(v reflect.Value, text string) error {
	switch v.Interface().(type) {
	case string:
		v.SetString(text)
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("must be a duration of at least %s, such as 500ms, 20s or 5m, not %q", s.min, text)
		}
		v.SetInt(int64(d))
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("must be a whole number, not %q", text)
		}
		v.SetInt(int64(n))
	case uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("must be a whole number from 0, not %q", text)
		}
		v.SetUint(n)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("must be true or false, not %q", text)
		}
		v.SetBool(b)
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("must be a number, not %q", text)
		}
		v.SetFloat(f)
	}
	return nil
}

// Check says whether the value in r can be. The zero value always can.
func (s Setting) Check(r *Run) error {
	v := s.value(r)
	if v.IsZero() {
		return nil
	}
	return s.check(v)
}

func (s Setting) check(v reflect.Value) error {
	switch x := v.Interface().(type) {
	case string:
		if s.oneOf != nil && x != "" && !slices.Contains(s.oneOf, x) {
			return fmt.Errorf("must be %s, not %q", strings.Join(s.oneOf, " or "), x)
		}
	case time.Duration:
		if most, err := time.ParseDuration(s.max); err == nil && x > most {
			return fmt.Errorf("must be a duration of at most %s, not %q", most, x)
		}
		if least, err := time.ParseDuration(s.min); err == nil && x < least {
			return fmt.Errorf("must be a duration of at least %s, such as 500ms, 20s or 5m, not %q", least, x)
		}
	case int:
		return s.between(float64(x))
	case uint64:
		return s.between(float64(x))
	case float64:
		return s.between(x)
	}
	return nil
}

func (s Setting) between(x float64) error {
	least, most := 0.0, math.MaxFloat64
	if s.min != "" {
		least, _ = strconv.ParseFloat(s.min, 64) // a tag, tested
	}
	if s.max != "" {
		most, _ = strconv.ParseFloat(s.max, 64)
	}
	if !(x >= least && x <= most) { // so that what is no number is outside too
		return fmt.Errorf("must be a number from %s to %s, not %s", format(least), format(most), format(x))
	}
	return nil
}

func format(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// Texts is the value as Set reads it; empty for the empty list and map.
func (s Setting) Texts(r *Run) []string {
	switch x := s.value(r).Interface().(type) {
	case []string:
		return slices.Clone(x)
	case map[string]string:
		var out []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			out = append(out, k+"="+x[k])
		}
		return out
	case float64:
		return []string{strconv.FormatFloat(x, 'g', -1, 64)}
	case time.Duration:
		return []string{x.String()}
	default:
		return []string{fmt.Sprint(x)}
	}
}

// IsDefault tells whether r has what the setting is without being set.
func (s Setting) IsDefault(r *Run) bool {
	d := &Run{}
	s.fill(d, true)
	return reflect.DeepEqual(s.value(r).Interface(), s.value(d).Interface()) || s.value(r).IsZero() && !s.zero
}

// IsZero tells whether r does not say.
func (s Setting) IsZero(r *Run) bool { return s.value(r).IsZero() }

// Copy copies the setting.
func (s Setting) Copy(to, from *Run) { s.value(to).Set(s.value(from)) }

func (s Setting) fill(r *Run, evenZero bool) {
	v := s.value(r)
	if s.Default != "" && v.IsZero() && (evenZero || !s.zero) {
		_ = s.parse(v, s.Default) // a tag, tested
	}
}

// WithDefaults is r with the defaults of what it does not say. A setting of which 0
// is a value keeps it.
func (r Run) WithDefaults() Run {
	for _, s := range all {
		if !r.filled && !s.IsZero(&r) {
			r.said |= s.bit()
		}
		s.fill(&r, false)
	}
	r.filled = true
	return r
}

// Defaults is the run of which nothing was said.
func Defaults() Run {
	var r Run
	for _, s := range all {
		s.fill(&r, true)
	}
	r.filled = true
	return r
}

// Names splits a comma-separated list.
func Names(text string) []string {
	var out []string
	for _, n := range strings.Split(text, ",") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}

// jsonValue is the value as a stored plan has it.
func (s Setting) jsonValue(r *Run) (any, error) {
	v := s.value(r).Interface()
	text, _ := v.(string)
	switch s.kind {
	case "names":
		return append([]string{}, Names(text)...), nil
	case "shares":
		m := map[string]json.RawMessage{}
		for _, pair := range Names(text) {
			k, n, _ := strings.Cut(pair, "=")
			m[strings.TrimSpace(k)] = json.RawMessage(strings.TrimSpace(n))
		}
		return m, nil
	case "number":
		if _, err := strconv.Atoi(text); err == nil {
			return json.RawMessage(text), nil
		}
	case "document":
		if strings.HasPrefix(text, "{") {
			return json.RawMessage(text), nil
		}
	}
	if d, ok := v.(time.Duration); ok {
		return d.String(), nil
	}
	return v, nil
}

// setJSON reads what jsonValue gave.
func (s Setting) setJSON(r *Run, b json.RawMessage) error {
	v := s.value(r)
	var err error
	switch s.kind {
	case "names":
		var list []string
		err = json.Unmarshal(b, &list)
		v.SetString(strings.Join(list, ","))
	case "shares":
		var m map[string]int
		err = json.Unmarshal(b, &m)
		var pairs []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			pairs = append(pairs, k+"="+strconv.Itoa(m[k]))
		}
		v.SetString(strings.Join(pairs, ","))
	case "number", "document":
		if len(b) > 0 && b[0] == '"' {
			var text string
			err = json.Unmarshal(b, &text)
			v.SetString(text)
			break
		}
		// What is written as it stands has to be of the kind that jsonValue writes so: a list of numbers is no number.
		var n json.Number
		if object := len(b) > 0 && b[0] == '{'; object != (s.kind == "document") || !object && json.Unmarshal(b, &n) != nil {
			err = fmt.Errorf("cannot be %s", b)
			break
		}
		v.SetString(string(b))
	default:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			var text string
			if err = json.Unmarshal(b, &text); err == nil {
				err = s.parse(v, text)
			}
			break
		}
		err = json.Unmarshal(b, v.Addr().Interface())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Key, err)
	}
	if err := s.Check(r); err != nil {
		return fmt.Errorf("%s: %w", s.Key, err)
	}
	return nil
}
