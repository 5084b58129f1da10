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

// Said is the last line of what a command wrote to an Output, as the end of an error: without
// secrets (Redact) and control characters, and not longer than a line should be.
func Said(out *os.File) string {
	const most, shown = 64 << 10, 300
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	text := make([]byte, min(size, most))
	if _, err := out.ReadAt(text, size-int64(len(text))); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	text = bytes.TrimSpace(text)
	line := strings.ToValidUTF8(string(text[bytes.LastIndexByte(text, '\n')+1:]), "?")
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, Redact(line))
	if line == "" {
		return ""
	}
	if r := []rune(line); len(r) > shown {
		line = string(r[:shown]) + " ..."
	}
	return "; it says: " + line
}
