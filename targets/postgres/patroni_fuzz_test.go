package postgres

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// FuzzPatroniAnswer reads what Patroni's REST API may answer to GET /cluster, /history and /patroni. Whoever is
// named there has an address that can be dialed, and no line holds what a terminal would obey.
func FuzzPatroniAnswer(f *testing.F) {
	for _, s := range []string{
		`{"members":[{"name":"n2","role":"leader","state":"running","host":"10.0.0.2","port":5432,"timeline":3},{"name":"n1","role":"replica","state":"streaming","host":"::1","timeline":"unknown","lag":17}]}`,
		`{"members":[{"name":"a\u001b[1m","role":"x\n","state":"","host":"h","lag":"unknown"}],"scope":"s"}`,
		`{"members":[{"host":"h","port":70000}]}`,
		`[[1,67108960,"no recovery target specified","2026-01-01T00:00:00+00:00","n9"],[2,1,"","",7],[]]`,
		`{"state":"running","postmaster_start_time":"2026-01-01 00:00:00.000+00:00","role":"primary"}`,
		`{"members":[]} `, `null`, `{`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var own patroniOwn
		_ = readAnswer(strings.NewReader(s), &own) // anything may be said
		var said patroniCluster
		if readAnswer(strings.NewReader(s), &said) == nil {
			if members, err := said.sorted(); err == nil {
				placed(t, members)
			}
		}
		var history [][]any
		if readAnswer(strings.NewReader(s), &history) == nil {
			for _, name := range missing(history, said.Members) {
				printable(t, name)
			}
		}
	})
}

func placed(t *testing.T, members []patroniMember) {
	at, lines, err := locate("http://db1:8008", members)
	if err != nil {
		printable(t, strings.ReplaceAll(err.Error(), "\n", ""))
		return
	}
	if len(at) != len(members) || len(lines) != len(members) {
		t.Fatalf("%d members have %d addresses and %d lines", len(members), len(at), len(lines))
	}
	for i, a := range at {
		printable(t, lines[i])
		_, number, err := net.SplitHostPort(a)
		if n, wrong := strconv.ParseUint(number, 10, 16); err != nil || wrong != nil || n == 0 {
			t.Errorf("%q is no address (%v, %v)", a, err, wrong)
		}
	}
}

func printable(t *testing.T, s string) {
	t.Helper()
	if i := strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }); i >= 0 {
		t.Errorf("%q holds a character that is not printable at %d", s, i)
	}
}

// TestAnswerBound: an answer of a REST API is read up to a bound, and beyond it refused.
func TestAnswerBound(t *testing.T) {
	for _, c := range []struct {
		extra int
		ok    bool
	}{{0, true}, {1, false}} {
		text := `{"members":[]}` + strings.Repeat(" ", mostAnswered-len(`{"members":[]}`)+c.extra)
		var said patroniCluster
		if err := readAnswer(strings.NewReader(text), &said); (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}
