package nats

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/targettest"
)

// greets is a server that says this of itself to whoever connects, and its address.
func greets(t *testing.T, said func(addr string) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	targettest.Must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	addr := l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(said(addr)))
			_ = c.Close()
		}
	}()
	return addr
}

func info(t *testing.T, id string, urls ...string) string {
	t.Helper()
	text, err := json.Marshal(greeted{ID: id, Name: "name-" + id, URLs: urls})
	targettest.Must(t, err)
	return greeting + string(text) + "\r\n"
}

// TestStrangers: what servers tell of others, in pairs that differ in one of them.
func TestStrangers(t *testing.T) {
	other := greets(t, func(string) string { return info(t, "B") })
	odd := greets(t, func(string) string { return info(t, "B\x1b[2J") })
	gone := greets(t, func(string) string { return "" })
	foreign := greets(t, func(string) string { return "SSH-2.0-x\r\n" })
	again := greets(t, func(string) string { return info(t, "A") }) // the named one by another address
	for name, c := range map[string]struct {
		urls []string
		want string
	}{
		"none is told of":   {nil, ""},
		"itself":            {[]string{"self"}, ""},
		"itself, elsewhere": {[]string{"self", "again"}, ""},
		"another one":       {[]string{"self", other}, `name: "name-B".`},
		"twice":             {[]string{other, other}, `name: "name-B".`},
		"one that is gone":  {[]string{gone}, fmt.Sprintf("PERHAPS NOT TAKING PART: the servers tell of %q (which does not answer here). If", gone)},
		"no NATS":           {[]string{foreign}, fmt.Sprintf("PERHAPS NOT TAKING PART: the servers tell of %q (which does not answer here). If", foreign)},
		"both":              {[]string{other, gone}, fmt.Sprintf(`name: "name-B", and perhaps those at %q (which does not answer here).`, gone)},
		"an odd name":       {[]string{odd}, `name: "name-B\x1b[2J".`},
	} {
		t.Run(name, func(t *testing.T) {
			at := greets(t, func(addr string) string {
				urls := append([]string{}, c.urls...)
				for i := range urls {
					urls[i] = strings.NewReplacer("self", addr, "again", again).Replace(urls[i])
				}
				return info(t, "A", urls...)
			})
			v := &visit{servers: []server{{id: "A"}}}
			v.At = []string{at}
			got := v.strangers(t.Context())
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
