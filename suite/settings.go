package suite

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/lapse-test/lapse/settings"
)

// Settings are those of a case's runs: keys of package settings with their values. What is
// not there is the default of lapse run.
type Settings map[string]any

// Target is a database: the settings that are about it, and keyOptional.
type Target map[string]any

// keyOptional is the key of a target without which a suite goes on.
const keyOptional = "optional"

// Optional says that a suite goes on without the target.
func (t Target) Optional() bool {
	yes, _ := t[keyOptional].(bool)
	return yes
}

// run is the settings of the target alone. What cannot be was refused by Parse.
func (t Target) run() settings.Run {
	var r settings.Run
	apply(settings.InTarget, t, &r, func(string, error) {})
	return r
}

// apply sets in r what the keys of a part of the file say, and tells what cannot be.
func apply(part string, keys map[string]any, r *settings.Run, wrong func(key string, err error)) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		s, ok := settings.Named(part, key)
		if !ok {
			if part != settings.InTarget || key != keyOptional {
				wrong(key, fmt.Errorf("unknown field %q", key))
			} else if _, is := keys[key].(bool); !is {
				wrong(key, fmt.Errorf("must be true or false, not %v", keys[key]))
			}
			continue
		}
		text, err := texts(s, keys[key])
		if err == nil {
			err = s.Set(r, text...)
		}
		if err != nil {
			wrong(key, err)
		}
	}
}

// texts is a value of the file as settings read it.
func texts(s settings.Setting, v any) ([]string, error) {
	mismatch := fmt.Errorf("must be a %s, not %v", s.Type(), v)
	var out []string
	switch s.Type() {
	case "list":
		list, ok := v.([]any)
		if !ok {
			return nil, mismatch
		}
		for _, e := range list {
			text, ok := scalar(e)
			if !ok {
				return nil, mismatch
			}
			out = append(out, text)
		}
	case "map":
		m, ok := v.(map[string]any)
		if !ok {
			return nil, mismatch
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			text, ok := scalar(m[k])
			if !ok {
				return nil, mismatch
			}
			out = append(out, k+"="+text)
		}
	default:
		text, ok := scalar(v)
		if !ok {
			return nil, mismatch
		}
		out = []string{text}
	}
	return out, nil
}

func scalar(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), true
	case bool, int, int64, uint64:
		return fmt.Sprint(x), true
	}
	return "", false
}
