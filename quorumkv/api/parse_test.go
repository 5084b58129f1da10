package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// A transaction may be as large as its values and keys may be, however they are spelled in JSON.
func TestTransactionsThatFit(t *testing.T) {
	const largest = 65_536
	for _, c := range []string{"v", "<", "\x01", "\u2028", "\"", "ä"} {
		value := strings.Repeat(c, largest/len(c))
		in := protocol.Transaction{Ops: []protocol.TxnOp{{Op: "write", Key: strings.Repeat("<", MaxKeyBytes), Value: &value}}}
		for len(in.Ops) < MaxOps {
			in.Ops = append(in.Ops, protocol.TxnOp{Op: "delete", Key: strings.Repeat("<", MaxKeyBytes)})
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if limit := maxTxnBody(largest); len(b) > limit {
			t.Errorf("%d bytes of %q need %d, and %d are taken", len(value), c, len(b), limit)
		}
	}
}

// Bounds between which there can be no key are refused; pairs differ in one.
func TestParseBounds(t *testing.T) {
	for query, says := range map[string]string{
		"from=k4&to=k5":          "",
		"from=k5&to=k5":          `from: "k5" is not below to, "k5"`,
		"from=k6&to=k5":          "from: ",
		"after=k4&to=k5":         "",
		"after=k5&to=k5":         `after: "k5" is not below to, "k5"`,
		"after=k9&to=k5":         "after: ",
		"after=k9":               "",
		"after=k3&from=k4&to=k5": "",
	} {
		_, bad := parseList(httptest.NewRequest(http.MethodGet, "/range?"+query, nil), listRange)
		if (bad == nil) != (says == "") || bad != nil && !strings.HasPrefix(bad.Message, says) {
			t.Errorf("%s: %+v, want %q", query, bad, says)
		}
	}
}

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
