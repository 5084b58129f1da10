package standin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCodename(t *testing.T) {
	file := filepath.Join(t.TempDir(), "os-release")
	for _, c := range []struct{ text, want, says string }{
		{"ID=debian\nVERSION_CODENAME=bookworm\n", "bookworm", ""},
		{"ID=\"debian\"\nVERSION_CODENAME=\"trixie\"\n", "trixie", ""},
		{"ID=ubuntu\nVERSION_CODENAME=noble\n", "", "this is ubuntu"},
		{"ID=debian\n", "", "made from Debian"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := codename(file)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	users := []string{"postgres:x:999:998::/var/lib/postgresql:/bin/bash"}
	if got := groups(users); len(got) != 1 || got[0] != "postgres:x:998:" {
		t.Errorf("groups: %q", got)
	}
	if got := accounts("root:x:0:\n", []string{"a:x:1:"}); got != "root:x:0:\na:x:1:\n" {
		t.Errorf("accounts: %q", got)
	}
}
