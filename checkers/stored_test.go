package checkers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestStoredBeforeNotDecided: a stored verdict that nobody decided says so, also where it was stored before there was a word for it.
func TestStoredBeforeNotDecided(t *testing.T) {
	decided := Verdict{Model: "m", Status: Inconclusive, Algorithm: "search", Reasons: []string{"too few reads"}}
	counted, timed, follows := Verdict{Status: Inconclusive, Evidence: Evidence{Keys: 1}}, Verdict{Status: Inconclusive, Elapsed: time.Second}, Verdict{Status: Inconclusive, Follows: "weaker"}
	for _, c := range []struct {
		name    string
		stored  Verdict
		without bool // the field is taken out, as it was before
		want    bool
	}{
		{"with it", Verdict{Status: Inconclusive, NotDecided: true, Evidence: Evidence{OK: 3}, Algorithm: "search"}, false, true},
		{"before", Verdict{Status: Inconclusive, NotDecided: true, Reasons: []string{"interrupted"}}, true, true},
		{"too little", decided, true, false},
		{"counted", counted, true, false},
		{"took time", timed, true, false},
		{"follows another", follows, true, false},
		{"held", Verdict{Status: Held}, true, false},
		{"violated", Verdict{Status: Violated}, true, false},
	} {
		text, err := json.Marshal(&c.stored)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		if c.without {
			delete(fields, "not_decided")
		}
		if text, err = json.Marshal([]any{fields}); err != nil {
			t.Fatal(err)
		}
		var read []Verdict
		if err := json.Unmarshal(text, &read); err != nil || len(read) != 1 || read[0].NotDecided != c.want || read[0].Model != c.stored.Model || read[0].Status != c.stored.Status {
			t.Errorf("%s: read %+v (%v), not decided should be %t", c.name, read, err, c.want)
		}
	}
}

// TestStoredStatus: what is stored as a status is one of them, or not read.
func TestStoredStatus(t *testing.T) {
	for text, says := range map[string]string{
		`"held"`: "", `"violated"`: "", `"inconclusive"`: "", `""`: "",
		`"held "`: `status "held " is none of held, violated and inconclusive`, `"Held"`: `status "Held"`, `"not violated in this run"`: "is none of",
	} {
		var v Verdict
		err := json.Unmarshal([]byte(`{"status":`+text+`}`), &v)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}
