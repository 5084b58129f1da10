package postgres

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestLocate: what Patroni's REST API says of its members is where the nodes are.
func TestLocate(t *testing.T) {
	// As Patroni 3.0.2 answers (patroni/utils.py, cluster_as_json).
	const members = `{"members": [
		{"name": "a", "role": "leader", "state": "running", "api_url": "http://10.0.0.1:8008/patroni", "host": "10.0.0.1", "port": 5433, "timeline": 1},
		{"name": "b", "role": "replica", "state": "streaming", "api_url": "http://10.0.0.2:8008/patroni", "host": "10.0.0.2", "timeline": 1, "lag": 16},
		{"name": "c", "role": "replica", "state": "stopped", "api_url": "http://[fd00::3]:8008/patroni", "host": "fd00::3", "port": 5432, "lag": "unknown"}], "pause": true}`
	answer, status, history := "", http.StatusOK, ""
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/cluster":
			w.WriteHeader(status)
			_, _ = w.Write([]byte(answer))
		case r.URL.Path == "/history" && history != "":
			_, _ = w.Write([]byte(history))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer api.Close()
	for _, c := range []struct {
		at     []string
		status int
		answer string
		want   []string
		says   string
	}{
		{[]string{api.URL}, 200, members, []string{"10.0.0.1:5433", "10.0.0.2:5432", "[fd00::3]:5432"}, ""},
		{[]string{"http://127.0.0.1:1, " + api.URL + "/"}, 200, members, []string{"10.0.0.1:5433", "10.0.0.2:5432", "[fd00::3]:5432"}, ""},
		{[]string{"db1:5432,db2:5432"}, 500, "", []string{"db1:5432,db2:5432"}, ""},
		{[]string{"postgres://me@db1,db2/shop"}, 500, "", []string{"postgres://me@db1,db2/shop"}, ""},
		{[]string{api.URL, "db1:5432"}, 200, members, nil, "are mixed"},
		{[]string{strings.Replace(api.URL, "://", "://me:hunter2@", 1)}, 200, members, nil, "no plain URL"},
		{[]string{api.URL + "/patroni"}, 200, members, nil, "no plain URL"},
		{[]string{api.URL}, 503, members, nil, "503 Service Unavailable"},
		{[]string{api.URL}, 200, "<html>", nil, "not answered as Patroni does"},
		{[]string{api.URL}, 200, `{"members": []}`, nil, "names no member"},
		{[]string{api.URL}, 200, `{"members": [{"name": "a", "state": "start failed"}]}`, nil, `no address for the member "a", which is "start failed"`},
		{[]string{api.URL}, 200, `{"members": [{"name": "a", "host": "x@y"}]}`, nil, "no address"},
		{[]string{api.URL}, 200, `{"members": [{"name": "a", "host": "10.0.0.1\u001b[2J"}]}`, nil, "no address"},
		{[]string{api.URL, "http://db2:8008", "http://db3:8008"}, 200, `{"members": [{"name": "a", "host": "10.0.0.1"}, {"name": "b", "host": "10.0.0.2"}]}`, nil, `3 URLs are named and its cluster has 2 members ("a", "b")`},
		{[]string{"http://127.0.0.1:1"}, 200, "", nil, "http://127.0.0.1:1: connection refused"},
	} {
		answer, status = c.answer, c.status
		got, lines, err := Target{}.Locate(t.Context(), c.at)
		if c.says == "" {
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v: %v, %v; want %v", c.at, got, err, c.want)
			}
			continue
		}
		var usage *targets.UsageError
		var missing *cluster.EnvironmentError
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") || len(lines) > 0 || !errors.As(err, &usage) && !errors.As(err, &missing) {
			t.Errorf("%v: %v (%v), want %q", c.at, err, lines, c.says)
		}
	}
	answer, status = members, 200
	_, lines, err := Target{}.Locate(t.Context(), []string{api.URL})
	want := []string{
		`n1 (10.0.0.1:5433) is "a" of Patroni at ` + api.URL + `: leader, running`,
		`n2 (10.0.0.2:5432) is "b" of Patroni at ` + api.URL + `: replica, streaming, lag 16`,
		`n3 ([fd00::3]:5432) is "c" of Patroni at ` + api.URL + `: replica, stopped, lag unknown`,
		`Patroni at ` + api.URL + ` names 3 members now; one that is down it forgets: with --nodes N, or a URL for each member, a run without it is refused`,
	}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("%v, %v; want %v", lines, err, want)
	}
	answer = `{"members": [{"name": "a", "role": "leader\u001b[31m", "state": "run\nning", "host": "10.0.0.1", "lag": "un\u0007known"}]}`
	if _, lines, err = (Target{}).Locate(t.Context(), []string{api.URL}); err != nil || len(lines) != 2 || strings.ContainsAny(lines[0], "\x1b\n\a") {
		t.Errorf("%q, %v", lines, err)
	}
	// Who led once is known for good: histories that differ in a name.
	answer = members
	for said, want := range map[string]string{
		`[[1, 83886496, "no recovery target specified", "2026-11-01T10:00:00+00:00", "b"]]`:                                           "",
		`[[1, 83886496, "no recovery target specified", "2026-11-01T10:00:00+00:00", "d"], [2, 1, "", "", "d"], [3, 1, "", "", "a"]]`: `; MISSING: "d" led once, and is not among them`,
		`[[1, 83886496, "no recovery target specified"]]`:                                                                             "",
		`[[1, 83886496, "", "", "d\u001b[2J"]]`:                                                                                       `; MISSING: "d\x1b[2J" led once, and is not among them`,
		`{"a": 1}`:                                                                                                                    "",
	} {
		history = said
		_, lines, err := Target{}.Locate(t.Context(), []string{api.URL})
		if err != nil || len(lines) != 4 || !strings.HasSuffix(lines[3], "is refused"+want) {
			t.Errorf("%s: %q, %v; want %q at the end", said, lines, err, want)
		}
		if _, lines, err = (Target{}).Locate(t.Context(), []string{api.URL, api.URL, api.URL}); err != nil || len(lines) != 3 {
			t.Errorf("three URLs: %q, %v", lines, err)
		}
	}
}
