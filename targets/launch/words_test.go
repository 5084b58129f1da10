package launch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/launch"
)

// TestLastWords: whatever a server has written, the end of it is told, on one line, and no secret is.
func TestLastWords(t *testing.T) {
	t.Setenv("LAPSE_TEST_PASSWORD", "from-outside")
	long := strings.Repeat("x", 290)
	for name, c := range map[string]struct {
		log       string
		complaint func(string) bool
		want      string // what follows the path
	}{
		"nothing written":               {"", launch.JavaComplaint, ""},
		"only empty lines":              {"\n  \n\n", nil, ""},
		"fewer lines than are told":     {"one\ntwo\n", nil, "one | two"},
		"the last lines":                {"one\ntwo\n\nthree\nfour\nfive\nsix\n", nil, "two | three | four | five | six"},
		"a line that is not ended":      {"one\ntwo", nil, "one | two"},
		"complaints before others":      {"ERROR a\nb\nERROR c\nd\ne\nf\n", launch.JavaComplaint, "ERROR a | ERROR c | d | e | f"},
		"the frames of a stack":         {"ERROR a\n\tat b\n\tat c\nCaused by: d\n\tat e\n", launch.JavaComplaint, "ERROR a | Caused by: d"},
		"complaints after complaints":   {"ERROR a\nb\nERROR c\nERROR d\nERROR e\nERROR f\nERROR g\n", launch.JavaComplaint, "ERROR c | ERROR d | ERROR e | ERROR f | ERROR g"},
		"what any program may say":      {"flag provided but not defined: -x\nUsage:\n  one\n  two\n  three\n", launch.JavaComplaint, "flag provided but not defined: -x | Usage: |   one |   two"},
		"nothing that counts as one":    {"usage: store [flags]\nunknown flag -x\n", launch.JavaComplaint, "usage: store [flags] | unknown flag -x"},
		"a password of the environment": {"login of x by from-outside failed\n", nil, "login of x by *** failed"},
		"one that was made for the run": {"near 'IDENTIFIED BY 'made-here''\n", nil, "near 'IDENTIFIED BY '***''"},
		"one that is cut off":           {long + "from-outside and made-here\n", nil, long + "*** and ** ..."},
		"more than is read":             {"first from-outside" + strings.Repeat("y", 2<<20) + "\nlast\n", nil, "last"},
		"what is no text":               {"a\xffb\r\n", nil, "a?b"},
		"what moves a cursor":           {"a\x1b[2Jb\n", nil, "a [2Jb"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fleet(t, "exit 1")
			f.Complaint, f.Secrets = c.complaint, []string{"", "made-here"}
			path := filepath.Join(f.Nodes[1].LogDir(), f.Log)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(c.log), 0o644)); err != nil {
				t.Fatal(err)
			}
			want := "its log is " + path
			if c.want != "" {
				want = "its log " + path + " says: " + c.want
			}
			if got := f.LastWords(1); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestNotFormed: of servers that run and do not become a cluster, what each says last is told, unless the user has interrupted.
func TestNotFormed(t *testing.T) {
	f := fleet(t, "echo waiting for others; echo I am $PWD; exec sleep 1000")
	f.StartTimeout = 300 * time.Millisecond
	told := func(ctx context.Context, i int) error {
		b, err := os.ReadFile(filepath.Join(f.Nodes[i].LogDir(), f.Log))
		if err == nil && !strings.Contains(string(b), "I am") {
			err = errors.New("it has said nothing yet")
		}
		return err
	}
	form := func(ctx context.Context) error {
		if err := f.Await(context.WithoutCancel(ctx), "to say something", told); err != nil {
			return err
		}
		return f.Await(ctx, "to see the others", func(context.Context, int) error { return errors.New("it sees nobody") })
	}
	err := f.Start(t.Context(), form, nil)
	for _, says := range []string{" to see the others: ", "it sees nobody", "n1: its log ", "waiting for others | I am " + f.Nodes[0].Dir(), "n2: its log ", "waiting for others | I am " + f.Nodes[1].Dir()} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
	f = fleet(t, "echo waiting for others; exec sleep 1000")
	interrupted, interrupt := context.WithCancel(t.Context())
	err = f.Start(interrupted, func(ctx context.Context) error { interrupt(); <-ctx.Done(); return ctx.Err() }, nil)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "its log") {
		t.Errorf("interrupted: %v", err)
	}
}
