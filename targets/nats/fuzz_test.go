package nats

import (
	"errors"
	"strings"
	"testing"
)

// FuzzGreeting reads the first line of whoever listens at an address: only a server's says anything.
func FuzzGreeting(f *testing.F) {
	for _, line := range []string{
		`INFO {"server_id":"NA","server_name":"n1","connect_urls":["10.0.0.1:4222"]}` + "\r\n", "INFO {}\n", "INFO null\n", "+OK\r\n", "INFO {\"connect_urls\":[1]}\n", "INFO\n", "",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var g greeted
		if err := g.read(line); err == nil && !strings.HasPrefix(line, greeting) {
			t.Errorf("%q is taken for a greeting: %+v", line, g)
		}
	})
}

// FuzzTrace reads what a server may tell of a message: where it goes is told by the server itself alone, and is a name of the text.
func FuzzTrace(f *testing.F) {
	for _, text := range []string{
		`{"server":{"name":"n1"},"events":[{"type":"in","kind":0},{"type":"eg","kind":1,"name":"n2"}]}`, `{"server":{"name":"n1"},"events":[{"error":"no"}]}`,
		`{"server":{"name":"n2"}}`, `{"server":{"name":"n1"},"events":null}`, `[]`, `null`, ``, `{"server":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		to, ours, err := readTrace(data, "n1")
		if err != nil && to != "" || !ours && to != "" || !ours && err != nil && !errors.Is(err, errGarbage) {
			t.Errorf("%q: %q, ours: %t, %v", data, to, ours, err)
		}
	})
}

// FuzzVersion reads what a server calls its version: one that cannot be read is taken for one that loses streams and tells nothing.
func FuzzVersion(f *testing.F) {
	for _, v := range []string{"2.10.29", "2.11.0", "2.12.0-RC.1", "2", "", "2.x.1", "v2.11.1", "2.11.1.1", "-1.-1.-1", "99999999999999999999.0.0"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, version string) {
		numbers := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, version)
		if numbers == "" && (traces(version) || !loses(version)) {
			t.Errorf("%q: traces %t, loses %t", version, traces(version), loses(version))
		}
	})
}
