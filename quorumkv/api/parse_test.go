package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseKey(t *testing.T) {
	for escaped, want := range map[string]string{
		"a":                      "a",
		"a%2Fb":                  "a/b",
		"..":                     "..",
		".":                      ".",
		"%25":                    "%",
		"a+b":                    "a+b",
		"%C3%A4":                 "ä",
		"a%20b":                  "a b",
		strings.Repeat("x", 512): strings.Repeat("x", 512),
	} {
		got, bad := parseKey(escaped)
		if bad != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", escaped, got, bad, want)
		}
	}
	for escaped, why := range map[string]string{
		"":                       "empty",
		"a/b":                    "%2F",
		"%":                      "invalid URL escape",
		"%ff":                    "UTF-8",
		"a%00b":                  "control character U+0000",
		"a%0A":                   "control character U+000A",
		strings.Repeat("x", 513): "513 bytes",
	} {
		if got, bad := parseKey(escaped); bad == nil || !strings.Contains(bad.Message, why) {
			t.Errorf("%q: %q, %v; want an error about %q", escaped, got, bad, why)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"a", "a%2Fb", "%", "..", "%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		key, bad := parseKey(escaped)
		if bad != nil {
			return
		}
		if key == "" || len(key) > MaxKeyBytes || !utf8.ValidString(key) {
			t.Fatalf("%q was taken as %q", escaped, key)
		}
		if again, bad := parseKey(url.PathEscape(key)); bad != nil || again != key {
			t.Fatalf("%q escapes to %q and reads as %q, %v", key, url.PathEscape(key), again, bad)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "w=1", "w=1&w=2", "x=1", "%", "w=%zz", "r=2;w=3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest(http.MethodGet, "/kv/a", nil)
		r.URL.RawQuery = raw
		got, bad := query(r, "r", "w")
		for k := range got {
			if bad == nil && k != "r" && k != "w" {
				t.Fatalf("%q: parameter %q was taken", raw, k)
			}
		}
	})
}
