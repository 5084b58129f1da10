package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// signalled is the cause of an interrupt as package signal gives it to contexts.
type signalled string

func (s signalled) Error() string      { return string(s) }
func (signalled) Is(target error) bool { return target == context.Canceled }

// interrupting ends the command with the first line that it prints.
type interrupting struct {
	bytes.Buffer
	interrupt func()
}

func (w *interrupting) Write(p []byte) (int, error) {
	w.interrupt()
	return w.Buffer.Write(p)
}

// TestInterruptOfManyRuns: a command that makes one run after the other says an interrupt in plain words, with the exit code of one, wherever it comes.
func TestInterruptOfManyRuns(t *testing.T) {
	for _, args := range [][]string{
		{"quorum", "--target", "quorumkv", "--n", "1", "--duration", "1s", "--seed", "1"},
		{"selftest", "--only", "stale-cache", "--duration", "1s"},
		{"selftest", "--only", "stale-cache", "--duration", "1s", "--seeds", "2"},
		{"run", "--nodes", "1", "--write-level", "1", "--read-level", "1", "--faults", "none", "--duration", "1s"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			said := &interrupting{interrupt: func() { cancel(signalled("interrupt signal received")) }}
			code := execute(ctx, append(args, "--provider", "local", "--out", t.TempDir()), said, said)
			text := said.String()
			if code != verdict.ExitInterrupted || !strings.Contains(text, "interrupted") {
				t.Errorf("exit %d: %s", code, text)
			}
			for _, raw := range []string{"signal received", context.Canceled.Error(), "bug in lapse"} {
				if strings.Contains(text, raw) {
					t.Errorf("it says %q: %s", raw, text)
				}
			}
		})
	}
}
