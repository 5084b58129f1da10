package history

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// check refuses a header that operations cannot index or a file cannot hold.
func (h *Header) check() error {
	if len(h.Nodes) > math.MaxInt16 {
		return fmt.Errorf("header: %d nodes: at most %d are allowed", len(h.Nodes), math.MaxInt16)
	}
	if len(h.Levels) == 0 || len(h.Levels) > math.MaxUint8+1 {
		return fmt.Errorf("header: %d levels: 1 to %d are allowed", len(h.Levels), math.MaxUint8+1)
	}
	if h.Levels[0] != "" {
		return fmt.Errorf("header: levels[0] is %s: it must be the empty level", quote(h.Levels[0]))
	}
	for _, list := range []struct {
		name  string
		items []string
	}{{"nodes", h.Nodes}, {"levels", h.Levels}} {
		seen := make(map[string]bool, len(list.items))
		for i, s := range list.items {
			if i > 0 && s == "" {
				return fmt.Errorf("header: %s[%d] is empty", list.name, i)
			}
			if seen[s] {
				return fmt.Errorf("header: %s[%d]: %s is there twice", list.name, i, quote(s))
			}
			seen[s] = true
		}
	}
	return h.checkTexts()
}

// checkTexts refuses what JSON cannot hold unchanged.
func (h *Header) checkTexts() error {
	bad := func(field, s string) error {
		if utf8.ValidString(s) {
			return nil
		}
		return fmt.Errorf("header: %s: %s is not valid UTF-8", field, quote(s))
	}
	fields := []struct{ name, value string }{
		{"run", h.Run}, {"source", h.Source}, {"target", h.Target}, {"workload", h.Workload}, {"start", h.Start},
	}
	for i, n := range h.Nodes {
		fields = append(fields, struct{ name, value string }{fmt.Sprintf("nodes[%d]", i), n})
	}
	for i, l := range h.Levels {
		fields = append(fields, struct{ name, value string }{fmt.Sprintf("levels[%d]", i), l})
	}
	for k, v := range h.Attributes {
		if err := bad("attributes", k); err != nil {
			return err
		}
		fields = append(fields, struct{ name, value string }{"attributes." + k, v})
	}
	for _, f := range fields {
		if err := bad(f.name, f.value); err != nil {
			return err
		}
	}
	return nil
}

// AttributeSessions is the header attribute that says what the sessions are:
// SessionsNone when the source named no processes, so that every operation is a
// session of its own, and nothing is known of the order in time.
const (
	AttributeSessions = "sessions"
	SessionsNone      = "none"
)

// Sessionless tells whether the source named no sessions: models of sessions and
// of real time have nothing to say of h.
func (h *History) Sessionless() bool { return h.Header.Attributes[AttributeSessions] == SessionsNone }
