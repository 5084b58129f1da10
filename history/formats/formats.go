// Package formats reads and writes the history files of other tools.
//
// Every format turns into a history.History and, where the format can hold it,
// back. Formats are recognised by their first bytes, or named. Files compressed
// with gzip or zstd are read as they are. A bad file gets one error that names
// the file, the line (the byte offset for binary formats) and what was expected.
//
// Formats without a clock (Plume, AWDIT, dbcop, Cobra) put every stamp at 0:
// intervals are closed, so that all operations are concurrent and only the
// order inside each session is left. Header.Attributes["clock"] is "none" then.
package formats

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// Format is one file format.
type Format struct {
	// Name is the format's name for --format.
	Name string
	// Summary is one line for people.
	Summary string
	// CanRead and CanWrite say which directions exist.
	CanRead, CanWrite bool

	detect func(head []byte) bool
	read   func(in *input) (*history.History, error)
	// streams: read takes the file from input.rest where that is set, so that it need
	// not be in memory.
	streams bool
	write   func(w io.Writer, h *history.History) error
	// lost says what write leaves out of a history; nil if nothing.
	lost func(h *history.History) []string
	// isDir is set for the formats that are read from a directory, with readPath;
	// detectPath recognises it.
	isDir      bool
	readPath   func(path string) (*history.History, error)
	detectPath func(path string) bool
}

// AttributeClock is the header attribute that says what the stamps are:
// ClockNone when the source had no clock and no order between sessions,
// ClockOrder when stamps only number the lines of the source.
const (
	AttributeClock = history.AttributeClock
	ClockNone      = history.ClockNone
	ClockOrder     = history.ClockOrder
)

// registry lists the formats in the order in which they are tried when a file
// is to be recognised. A format is added by one file and one line here.
func registry() []Format {
	all := []Format{
		lapseFormat(),
		lapseTextFormat(),
		porcupineEtcdFormat(),
		porcupineKVFormat(),
		elleJSONFormat(),
		dbcopJSONFormat(),
		dbcopHistFormat(),
		jepsenTextFormat(),
		ednFormat(),
		plumeFormat(),
		awditFormat(),
		cobraFormat(),
		dbcopBincodeFormat(),
	}
	for i := range all {
		f := &all[i]
		f.CanRead = f.read != nil || f.readPath != nil
		f.CanWrite = f.write != nil
	}
	return all
}

// All are the formats, sorted by name.
func All() []Format {
	all := registry()
	slices.SortFunc(all, func(a, b Format) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names are the names of the formats, sorted.
func Names() []string {
	var names []string
	for _, f := range All() {
		names = append(names, f.Name)
	}
	return names
}

func byName(name string) (*Format, error) {
	all := registry()
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("there is no history format %q; there are: %s", name, strings.Join(Names(), ", "))
}

// Read reads the history at path, a file, a pipe, "-" for standard input or (for
// Cobra) a directory, and returns the name of its format as well. Without a format in o
// it is recognised. The path is read once, so that it may be a pipe. Errors about the
// content are *Error.
func Read(path string, o Options) (*history.History, string, error) {
	if err := o.check(); err != nil {
		return nil, "", err
	}
	f, err := formatOf(path, o.Format)
	if err != nil {
		return nil, "", err
	}
	if f != nil && f.isDir {
		h, err := f.readPath(path)
		return h, f.Name, err
	}
	in, err := open(path, f)
	if err != nil {
		return nil, "", err
	}
	defer in.close()
	return in.read(f, &o)
}

// formatOf is the format called name; without a name it is that of the directory at path, or
// nil.
func formatOf(path, name string) (*Format, error) {
	if name != "" {
		return byName(name)
	}
	all := registry()
	for i := range all {
		if all[i].detectPath != nil && all[i].detectPath(path) {
			return &all[i], nil
		}
	}
	return nil, nil
}

// read reads in as f, or as what it is recognised as if f is nil.
func (in *input) read(f *Format, o *Options) (h *history.History, format string, err error) {
	if in.mapping == nil {
		return in.readAs(f, o)
	}
	cut := in.mapping.guard(func() { h, format, err = in.readAs(f, o) })
	if cut {
		return nil, "", fmt.Errorf("%s became shorter, or its disk failed, while it was read", in.label)
	}
	return h, format, err
}

func (in *input) readAs(f *Format, o *Options) (*history.History, string, error) {
	if len(bytes.TrimSpace(in.data)) == 0 {
		return nil, "", fmt.Errorf("%s is empty", in.label)
	}
	if f == nil {
		var err error
		if f, err = detect(in); err != nil {
			return nil, "", err
		}
	}
	if f.read == nil {
		return nil, "", fmt.Errorf("%s: the format %s is read from a directory", in.label, f.Name)
	}
	in.o = o
	h, err := f.read(in)
	return h, f.Name, err
}

// ForFile is the format that the ending of a file's name stands for, of those that
// can be written.
func ForFile(path string) (string, bool) {
	for ending, name := range map[string]string{
		".lapse": "lapse", ".jsonl": "lapse-jsonl", ".edn": "edn", ".json": "elle-json", ".plume": "plume", ".awdit": "awdit",
	} {
		if strings.HasSuffix(path, ending) {
			return name, true
		}
	}
	return "", false
}

// Writable are the names of the formats that can be written, sorted.
func Writable() []string {
	var can []string
	for _, f := range All() {
		if f.CanWrite {
			can = append(can, f.Name)
		}
	}
	return can
}

// Write writes h to w in the named format. What the format cannot hold is an
// error that names the operation, or, where the operations keep their meaning
// without it, left out: Lost says what.
func Write(w io.Writer, name string, h *history.History) error {
	f, err := byName(name)
	if err != nil {
		return err
	}
	if f.write == nil {
		return fmt.Errorf("the format %s can be read only; these can be written: %s", name, strings.Join(Writable(), ", "))
	}
	out := &counted{w: w}
	if err := f.write(out, h); err != nil {
		return err
	}
	if out.n == 0 && len(h.Ops) > 0 {
		return fmt.Errorf("the format %s has no place for any of the %d operations of the history, and an empty file is no history", name, len(h.Ops))
	}
	return nil
}

// counted counts what is written to w.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
