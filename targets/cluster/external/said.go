package external

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// Output is a file without a name for what a command writes: a file and not a pipe, which a
// daemon that the command starts would keep open. The caller closes it.
func Output() (*os.File, error) {
	out, err := os.CreateTemp("", "lapse-output-")
	if err != nil {
		return nil, fmt.Errorf("making a file for a command's output: %w", err)
	}
	if err := os.Remove(out.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("making a file for a command's output: %w", err), out.Close())
	}
	return out, nil
}

// Said is the last line (Line) of what a command wrote to an Output, as the end of an error.
func Said(out *os.File) string {
	const most = 64 << 10
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	text := make([]byte, min(size, most))
	if _, err := out.ReadAt(text, size-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	text = bytes.TrimSpace(text)
	line := Line(string(text[bytes.LastIndexByte(text, '\n')+1:]))
	if line == "" {
		return ""
	}
	return "; it says: " + line
}

// Line is a line that a program wrote as a part of an error: without secrets (Redact, with more of them) and control
// characters, and not longer than a line should be.
func Line(line string, secrets ...string) string {
	const shown = 300 // runes
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, Redact(strings.ToValidUTF8(line, "?"), secrets...))
	if r := []rune(line); len(r) > shown {
		line = string(r[:shown]) + " ..."
	}
	return line
}
