package history

import (
	"fmt"
	"strings"
)

// FormatError says where a history file is wrong, and what was expected there.
type FormatError struct {
	// File is the path, empty when an io.Reader was read.
	File string
	// Line is the line in a text history, from 1; 0 for a binary one.
	Line int
	// Block is the block in a binary history, from 1; Offset is where in the
	// file it begins.
	Block  int
	Offset int64
	// Field is the field that is wrong, empty if none can be named.
	Field string
	// Problem states the error and what was expected.
	Problem string
	// Err is the error behind it, or nil.
	Err error
}

// Error is the place (file, line or block with its offset, field) and the problem, in one
// line. It repeats nothing of the file's contents but what Problem quotes.
func (e *FormatError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
	} else {
		b.WriteString("history")
	}
	switch {
	case e.Line > 0:
		fmt.Fprintf(&b, ":%d", e.Line)
	case e.Block > 0:
		fmt.Fprintf(&b, ": block %d at offset %d", e.Block, e.Offset)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, ": field %s", e.Field)
	}
	b.WriteString(": ")
	b.WriteString(e.Problem)
	return b.String()
}

// Unwrap returns the error behind e.
func (e *FormatError) Unwrap() error { return e.Err }

// fieldError is a FormatError whose place is not known yet.
type fieldError struct {
	field, problem string
}
