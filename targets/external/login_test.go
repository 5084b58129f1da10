package external

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

func TestLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const user, word, path = "LAPSE_TEST_USER", "LAPSE_TEST_PASSWORD", "LAPSE_TEST_PASSWORD_FILE"
	for _, c := range []struct {
		name                   string
		user, word, path       string
		alone                  bool
		wantUser, wantPassword string
		err                    string
	}{
		{name: "none"},
		{name: "both", user: "u", word: "secret", wantUser: "u", wantPassword: "secret"},
		{name: "a file", user: "u", path: file, wantUser: "u", wantPassword: "of the file"},
		{name: "the variable goes before the file", user: "u", word: "secret", path: file, wantUser: "u", wantPassword: "secret"},
		{name: "no such file", user: "u", path: file + "s", err: path},
		{name: "a user alone", user: "u", err: "set " + word},
		{name: "a password alone", word: "secret", err: "set " + user},
		{name: "a password alone, which means something", word: "secret", alone: true, wantPassword: "secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(user, c.user)
			t.Setenv(word, c.word)
			t.Setenv(path, c.path)
			u, p, err := Login{User: user, Password: word, PasswordFile: path, Alone: c.alone}.Read()
			var usage *targets.UsageError
			if c.err != "" {
				if !errors.As(err, &usage) || !strings.Contains(usage.Text, c.err) || strings.Contains(usage.Text, "secret") && c.word != "" {
					t.Errorf("%v, want one with %q and no secret", err, c.err)
				}
				return
			}
			if err != nil || u != c.wantUser || p != c.wantPassword {
				t.Errorf("%q, %q, %v", u, p, err)
			}
		})
	}
}
