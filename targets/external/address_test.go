package external

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"db1":                  "db1:9042",
		"db1:1, db2":           "db1:1 db2:9042",
		"::1,[::1]:5,10.0.0.1": "[::1]:9042 [::1]:5 10.0.0.1:9042",
	} {
		got, err := Addresses([]string{text}, 9042)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                    "no address",
		"db1:port":            "want host:port",
		"db1:0":               "want host:port",
		"db1,db1:9042":        "twice",
		"me:hunter2@db1":      "credentials come from the environment",
		"cql://me:hunter2@db": "credentials come from the environment; if it is the URL of another database, name that one with --target",
	} {
		_, err := Addresses([]string{text}, 9042)
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the secret is told: %v", text, err)
		}
	}
}

func TestSplitURLs(t *testing.T) {
	for text, want := range map[string]string{
		"p://a/x":                        "p://a/x",
		"p://a,b/x":                      "p://a,b/x",
		"p://a:1/x,p://b:2/x":            "p://a:1/x | p://b:2/x",
		"p://me@a,b/x?y=1, q+s://c/z?v,": "p://me@a,b/x?y=1 | q+s://c/z?v,",
	} {
		if got := strings.Join(SplitURLs(text), " | "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTLS(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(none, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host    string
		options map[string]string
		on      bool
		wrong   string
	}{
		{"db1.example.com", nil, true, ""},
		{"db1.example.com", map[string]string{"tls": "off"}, false, ""},
		{"localhost", nil, false, ""},
		{"127.0.0.9", nil, false, ""},
		{"::1", map[string]string{"tls": "on"}, true, ""},
		{"10.0.0.1", nil, true, ""},
		{"db1", map[string]string{"tls_ca": none}, false, "no certificate in it"},
		{"db1", map[string]string{"tls_ca": none + "x"}, false, "no such file"},
		{"db1", map[string]string{"tls_cert": none}, false, "go together"},
		{"db1", map[string]string{"tls_cert": none, "tls_key": none}, false, "tls_cert"},
		{"db1", map[string]string{"tls": "off", "tls_ca": none}, false, "tls=off"},
	} {
		cfg, err := TLS(c.options, c.host)
		if c.wrong != "" {
			var usage *targets.UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s %v: %v, want %q", c.host, c.options, err, c.wrong)
			}
			continue
		}
		if err != nil || (cfg != nil) != c.on {
			t.Errorf("%s %v: %v, %v", c.host, c.options, cfg, err)
		}
		if cfg != nil && (cfg.InsecureSkipVerify || cfg.ServerName != c.host) {
			t.Errorf("%s %v: not verified: %+v", c.host, c.options, cfg)
		}
	}
}

func TestOwnName(t *testing.T) {
	if got := OwnName("20261126-001122-AB3f", 63); got != "lapse_20261126_001122_ab3f" {
		t.Error(got)
	}
	if got := OwnName(strings.Repeat("x", 90), 48); len(got) != 48 {
		t.Error(got)
	}
}

// TestMarked: of what is there only what a run can have made is named, because people copy the line with it.
func TestMarked(t *testing.T) {
	mark := Mark("20261126-001122-ab3f")
	got := marked(map[string]string{
		"lapse_b": mark, "lapse_a": mark, "lapse_a:": mark, "lapse-table": mark, "lapse_own": mark, "lapse_other": "by hand",
		"lapse_a;reboot": mark, "lapse_$(reboot)": mark, "lapse_\x1b[2J": mark, "lapse_ a": mark,
	}, "lapse_own")
	if want := []string{"lapse-table", "lapse_a", "lapse_a:", "lapse_b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, want := range map[string]bool{
		OwnName("20261126-001122-AB3f", 63): true, "lapse_": true, "lapse": false, "lapse_$(reboot)": false, "lapse_A": false, "other": false,
	} {
		if IsOwnName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
