package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// once refuses JSON in which an object has a key twice, also if only in another case, which encoding/json takes for the same. What is no JSON is
// left to the decoder.
func once(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	// Of each object that is open its keys; nil for an array. Want says that a key comes next.
	var open []map[string]bool
	want := false
	for {
		t, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the end, or for the decoder to say
		}
		switch t {
		case json.Delim('{'):
			open, want = append(open, map[string]bool{}), true
			continue
		case json.Delim('['):
			open, want = append(open, nil), false
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if key, ok := t.(string); ok && want {
				keys, name := open[len(open)-1], strings.ToLower(key)
				if keys[name] {
					return fmt.Errorf("%q is there twice in one object", key)
				}
				keys[name], want = true, false
				continue
			}
		}
		want = len(open) > 0 && open[len(open)-1] != nil
	}
}
